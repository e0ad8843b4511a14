// Field values as text, as controls to edit them, and back.

import { diff } from "../lib/diff.ts";
import { type Child, h } from "../lib/dom.ts";
import { folded, isLong, type Reader } from "../lib/reading.ts";
import type { Value } from "./types.ts";

/** A value as one text: list items stand on lines of their own. */
export function valueText(value: Value | undefined): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join("\n");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

/** What a person typed, in the type that the value had. Throws a sentence when it does not fit. */
export function readValue(text: string, like: Value): Value {
  if (Array.isArray(like))
    return text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  if (typeof like === "number") {
    const number = Number(text.trim().replace(",", "."));
    if (text.trim() === "" || !Number.isFinite(number)) throw new Error(`“${text.trim()}” is no number.`);
    return number;
  }
  if (typeof like === "boolean") return text === "yes";
  if (like !== null && typeof like === "object") return JSON.parse(text) as Value;
  return like === null && text === "" ? null : text;
}

export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

/** A value to read. */
export function valueView(value: Value, reader: Reader): HTMLElement {
  const text = valueText(value);
  if (text === "") return h("div", { class: "rb-text rb-faint" }, "no value");
  if (!Array.isArray(value)) return reader.folded(text);
  const items = value.map((item) => h("li", {}, reader.text(valueText(item))));
  return folded(h("ul", { class: "rb-text rb-values", dir: "auto" }, ...items), isLong(text));
}

/** How `after` differs from `before`, to read. */
export function diffView(before: string, after: string): HTMLElement {
  const parts: Child[] = diff(before, after).map(({ kind, text }) =>
    kind === "same" ? text : kind === "gone" ? h("del", {}, text) : h("ins", {}, text),
  );
  return h("div", { class: "rb-text rb-diff", dir: "auto" }, ...parts);
}

/** A control that holds a value; `text()` gives what stands in it. */
export function valueControl(name: string, value: Value): { element: HTMLElement; text(): string } {
  if (typeof value === "boolean") {
    const options = ["yes", "no"].map((word) => h("option", { selected: (word === "yes") === value }, word));
    const select = h("select", { class: "rb-input", "aria-label": name }, ...options);
    return { element: select, text: () => select.value };
  }
  if (typeof value === "number") {
    const input = h("input", { class: "rb-input", type: "text", inputmode: "decimal", value, "aria-label": name });
    return { element: input, text: () => input.value };
  }
  const area = h("textarea", {
    class: "rb-input rb-edit",
    rows: 1,
    "aria-label": name,
    spellcheck: "true",
    dir: "auto",
  });
  area.value = valueText(value);
  return { element: area, text: () => area.value };
}
