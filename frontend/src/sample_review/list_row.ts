// One row of the list: verdict, number, request above response, rating and flags.

import { h, setText } from "../lib/dom.ts";
import type { Summary } from "./types.ts";

/** What the mark before a row says; a verdict counts more than a status. */
export function mark(row: Pick<Summary, "verdict" | "status" | "conflict">): { kind: string; words: string } {
  const { verdict, status } = row;
  if (row.conflict) return { kind: "conflict", words: "in conflict" };
  if (verdict !== null) return { kind: verdict, words: verdict };
  if (status === "stale") return { kind: "stale", words: "reasoning is stale" };
  if (status === "error" || status === "invalid") return { kind: "error", words: `reasoning: ${status}` };
  if (status === "pending") return { kind: "pending", words: "reasoning is pending" };
  return { kind: "open", words: "not decided" };
}

const GLYPHS: Record<string, string> = {
  accepted: "✓",
  rejected: "✕",
  conflict: "≠",
  stale: "↻",
  error: "!",
  pending: "…",
  open: "",
};

export function glyph(kind: string): HTMLElement {
  return h("span", { class: "rb-glyph", "data-kind": kind, "aria-hidden": "true" }, GLYPHS[kind] ?? "");
}

interface Parts {
  glyph: HTMLElement;
  number: HTMLElement;
  request: HTMLElement;
  response: HTMLElement;
  side: HTMLElement;
}

function sideText({ flags, rating, note, tags, later }: Summary): string {
  const signs = [
    later && "◷",
    note !== null && "✎",
    tags.length > 0 && "#",
    flags.length > 0 && "⚑",
    rating && `★${rating}`,
  ];
  return signs.filter(Boolean).join(" ");
}

const made = new WeakMap<HTMLElement, Parts>();

export function paintRow(element: HTMLElement, row: Summary | undefined, place: number): void {
  let parts = made.get(element);
  if (parts === undefined) {
    parts = {
      glyph: glyph("open"),
      number: h("span", { class: "rb-row-n" }),
      request: h("span", { class: "rb-row-request", dir: "auto" }),
      response: h("span", { class: "rb-row-response", dir: "auto" }),
      side: h("span", { class: "rb-row-side" }),
    };
    element.append(parts.glyph, parts.number, parts.side, parts.request, parts.response);
    made.set(element, parts);
  }
  element.classList.toggle("rb-row-loading", row === undefined);
  if (row === undefined) {
    setText(parts.number, String(place + 1));
    for (const part of [parts.request, parts.response, parts.side, parts.glyph]) setText(part, "");
    parts.glyph.dataset.kind = "open";
    element.setAttribute("aria-label", "loading");
    return;
  }
  const { kind, words } = mark(row);
  parts.glyph.dataset.kind = kind;
  setText(parts.glyph, GLYPHS[kind] ?? "");
  setText(parts.number, String(row.position));
  setText(parts.request, row.request || "no request");
  setText(parts.response, row.response || "no response");
  setText(parts.side, sideText(row));
  const more = [row.later && "for later", row.note !== null && "has a note", ...row.tags].filter(Boolean);
  element.setAttribute("aria-label", `Row ${row.position}, ${[words, ...more].join(", ")}: ${row.request}`);
}
