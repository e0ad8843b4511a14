// A line over the widget that says what happened, or offers one thing to do.

import { fill, h } from "./dom.ts";

const SHOWN = 5000; // ms

export class Toast {
  readonly element = h("div", { class: "rb-toast", role: "status", "aria-live": "polite" });
  private ends: ReturnType<typeof setTimeout> | undefined;

  /** @param refocus Gives the focus back to the widget when a button here was used. */
  constructor(private readonly refocus: () => void) {}

  /** Says something for a moment. */
  say(text: string): void {
    clearTimeout(this.ends);
    fill(this.element, text);
    this.element.classList.toggle("rb-shown", text !== "");
    this.ends = setTimeout(() => this.hide(), SHOWN);
  }

  /** Offers something; stays until it is taken, declined or hidden. */
  offer(text: string, label: string, act: () => void): void {
    clearTimeout(this.ends);
    const button = (name: string, style: string, run: () => void) => {
      const choose = () => {
        this.hide();
        this.refocus();
        run();
      };
      return h("button", { class: `rb-button ${style}`, onclick: choose }, name);
    };
    const yes = button(label, "rb-primary", act);
    fill(
      this.element,
      h("span", {}, text),
      yes,
      button("Cancel", "", () => {}),
    );
    this.element.classList.add("rb-shown");
    yes.focus({ preventScroll: true });
  }

  hide(): void {
    this.element.classList.remove("rb-shown");
  }
}
