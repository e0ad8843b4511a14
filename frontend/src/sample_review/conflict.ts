// A row in conflict: what each reviewer says of it, side by side, and the way to let one version stand.

import { type Child, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import { glyph } from "./list_row.ts";
import { section } from "./parts.ts";
import type { Fields, Full, Version } from "./types.ts";
import { diffView, sameValue, valueText, valueView } from "./values.ts";

const KEYS = ["q", "w"]; // of the first versions; see commands.ts

export function conflictView(row: Full, settle: (which: number) => void, reader: Reader): Child[] {
  if (!row.conflict || row.versions.length === 0) return [];
  const columns = row.versions.map((version, which) => {
    const key = KEYS[which];
    return h(
      "div",
      { class: "rb-version", role: "group", "aria-label": `Version of ${version.who}` },
      h(
        "div",
        { class: "rb-version-head" },
        glyph(version.verdict ?? "open"),
        h("b", { dir: "auto" }, version.who),
        version.you ? h("span", { class: "rb-dim" }, "you") : null,
        h("span", { class: "rb-dim" }, said(version)),
        h("span", { class: "rb-grow" }),
        h(
          "button",
          { class: "rb-button", "aria-label": `Let the version of ${version.who} stand`, onclick: () => settle(which) },
          "Take this",
          key === undefined ? null : h("kbd", {}, key),
        ),
      ),
      version.note === null ? null : h("div", { class: "rb-text rb-dim", dir: "auto" }, version.note),
      ...edited(version.reasoning, row.teacher, reader),
      ...version.turns.flatMap(({ number, reasoning }) => [
        h("div", { class: "rb-label" }, `turn ${number + 1}`),
        ...edited(reasoning, row.turns.find((turn) => turn.number === number)?.teacher ?? [], reader),
      ]),
      version.response === "" ? null : h("div", { class: "rb-label" }, "response"),
      version.response === "" ? null : diffView(row.data_response, version.response),
    );
  });
  return [section("Conflict", null, h("div", { class: "rb-versions" }, ...columns))];
}

function said({ verdict, rating }: Version): string {
  return [verdict ?? "no verdict", rating === null ? "" : `★${rating}`].filter(Boolean).join(" ");
}

/** The fields that a version has changed, against what the teacher wrote. */
function edited(fields: Fields, teacher: Fields, reader: Reader): Child[] {
  const wrote = new Map(teacher);
  return fields
    .filter(([name, value]) => !sameValue(value, wrote.get(name)))
    .map(([name, value]) =>
      h(
        "div",
        { class: "rb-field" },
        h("div", { class: "rb-field-name" }, name),
        h(
          "div",
          { class: "rb-field-value" },
          wrote.has(name) ? diffView(valueText(wrote.get(name)), valueText(value)) : valueView(value, reader),
        ),
      ),
    );
}
