// Small parts that the row's panes share.

import { type Child, h } from "../lib/dom.ts";

export function section(title: string, side: Child, ...body: Child[]): HTMLElement {
  return h(
    "section",
    { class: "rb-section", "aria-label": title },
    h("div", { class: "rb-section-head" }, h("h4", {}, title), side),
    ...body,
  );
}

export function note(kind: string, text: string, ...more: Child[]): HTMLElement {
  return h(
    "div",
    { class: "rb-note", "data-kind": kind, role: "note" },
    h("span", { class: "rb-text" }, text),
    ...more,
  );
}
