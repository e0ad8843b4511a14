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

/** Very long text is clipped until it is clicked, so that the response stays in sight. */
export function clipped(content: HTMLElement): HTMLElement {
  const text = content.textContent ?? "";
  if (text.length <= 1400 && (text.match(/\n/g)?.length ?? 0) <= 18) return content;
  content.classList.add("rb-clip");
  const more = h("button", { class: "rb-button rb-quiet" }, "Show all");
  more.addEventListener("click", () => {
    const open = content.classList.toggle("rb-clip");
    more.textContent = open ? "Show all" : "Show less";
  });
  return h("div", {}, content, more);
}
