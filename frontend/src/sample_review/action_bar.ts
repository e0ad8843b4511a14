// The buttons for what the keys do to a row; each names its key, and its new one when the key is changed.

import { type Child, h, setText } from "../lib/dom.ts";
import { capital } from "../lib/format.ts";
import { type Keys, showKey } from "../lib/keys.ts";
import type { ReviewStore } from "./store.ts";
import type { Verdict } from "./types.ts";

const AUTO = "Auto-advance: go to the next row after a verdict";
const JUDGING = ["accept", "reject", "skip", "edit", "repair"];

export class ActionBar {
  readonly element: HTMLElement;
  private readonly buttons = new Map<string, { button: HTMLButtonElement; key: HTMLElement }>();
  private readonly auto: HTMLButtonElement;

  constructor(
    private readonly keys: Keys,
    private readonly store: ReviewStore,
    private readonly refocus: () => void,
  ) {
    const toggle = () => {
      store.autoAdvance = !store.autoAdvance;
      this.paintAuto();
    };
    this.auto = h(
      "button",
      { class: "rb-button rb-quiet", title: AUTO, "aria-label": "Auto-advance", onclick: toggle },
      "Auto",
    );
    this.element = h(
      "div",
      { class: "rb-acts", role: "toolbar", "aria-label": "Decide" },
      this.action("accept", "rb-accept", "✓"),
      this.action("reject", "rb-reject", "✕"),
      this.action("skip"),
      h("span", { class: "rb-gap" }),
      this.action("edit"),
      this.action("repair"),
      h("span", { class: "rb-gap" }),
      this.action("undo"),
      this.action("redo"),
      h("span", { class: "rb-grow" }),
      this.auto,
      this.action("keys"),
    );
    this.paintAuto();
    this.paintKeys();
  }

  /** Shows which verdict the row has. */
  paintVerdict(verdict: Verdict | null): void {
    this.buttons.get("accept")?.button.setAttribute("aria-pressed", String(verdict === "accepted"));
    this.buttons.get("reject")?.button.setAttribute("aria-pressed", String(verdict === "rejected"));
  }

  paintKeys(): void {
    for (const [id, { key }] of this.buttons) {
      const first = this.keys.keysOf(id)[0];
      setText(key, first === undefined ? "" : showKey(first));
      key.hidden = first === undefined;
    }
  }

  /** Whether there is a row to judge. */
  enableJudging(can: boolean): void {
    this.enable(can, ...JUDGING);
  }

  enable(can: boolean, ...ids: string[]): void {
    for (const id of ids) {
      const button = this.buttons.get(id)?.button;
      if (button !== undefined) button.disabled = !can;
    }
  }

  private paintAuto(): void {
    this.auto.setAttribute("aria-pressed", String(this.store.autoAdvance));
  }

  private action(id: string, style = "", sign = ""): HTMLElement {
    const command = this.keys.command(id);
    const key = h("kbd", {});
    const press = () => {
      this.refocus(); // first: the command may put the focus into a field
      command?.act();
    };
    const mark: Child = sign && h("span", { "aria-hidden": "true" }, sign);
    const words = capital(command?.label ?? id);
    const button = h("button", { class: `rb-button ${style}`, onclick: press }, mark || null, words, key);
    this.buttons.set(id, { button, key });
    return button;
  }
}
