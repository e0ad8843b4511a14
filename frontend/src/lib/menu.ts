// A small menu below a button; closes on a choice, on Escape and on a click elsewhere.

import { h } from "./dom.ts";

export interface Item {
  label: string;
  run(): void;
}

/** A button with a menu; `items` is asked for when it opens, so that labels are of the moment. */
export function menuButton(label: string, items: () => Item[], signal: AbortSignal): HTMLElement {
  const button = h("button", { class: "rb-button rb-quiet", "aria-haspopup": "menu", "aria-expanded": "false" }, label);
  const box = h("div", { class: "rb-menu-box" }, button);
  let menu: HTMLElement | null = null;
  const close = (refocus = false) => {
    menu?.remove();
    menu = null;
    button.setAttribute("aria-expanded", "false");
    if (refocus) button.focus();
  };
  const open = () => {
    const made = items().map(({ label, run }) => {
      const choose = () => {
        close(true);
        run();
      };
      return h("button", { class: "rb-menu-item", role: "menuitem", onclick: choose }, label);
    });
    menu = h("div", { class: "rb-menu", role: "menu", "aria-label": label }, ...made);
    menu.addEventListener("keydown", (event) => {
      const at = made.indexOf(document.activeElement as HTMLButtonElement);
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step !== 0) made[(at + step + made.length) % made.length]?.focus();
      else if (event.key === "Escape") close(true);
      else if (event.key !== "Enter" && event.key !== " " && event.key !== "Tab") return;
      if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
      event.stopPropagation();
    });
    box.append(menu);
    button.setAttribute("aria-expanded", "true");
    made[0]?.focus();
  };
  button.addEventListener("click", () => (menu === null ? open() : close()));
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (menu !== null && !box.contains(event.target as Node)) close();
    },
    { signal },
  );
  return box;
}
