// How a run stands — name, status, step, time — and the buttons that steer it.
import { h, setText } from "../lib/dom.ts";
import { duration } from "../lib/format.ts";
import type { RunCurves } from "./runs.ts";

const STATUS: Record<string, string> = {
  CREATED: "not started",
  QUEUED: "waiting",
  RUNNING: "training",
  PAUSED: "paused",
  COMPLETED: "done",
  PARTIAL: "partly done",
  FAILED: "failed",
  CANCELLED: "stopped",
};
const VERBS: Record<string, [string, string]> = {
  pause: ["Pause", "Pausing…"],
  resume: ["Resume", "Resuming…"],
  stop: ["Stop", "Stopping…"],
};

export class Header {
  readonly root: HTMLElement;
  private run: RunCurves | null = null;
  /** Whether the kernel lives; with it ends what ran there. */
  alive = true;
  private asked: string | null = null; // a verb whose effect has not shown yet
  private readonly dot = h("span", { class: "rb-dot" });
  private readonly name = h("span", { class: "rb-title rb-tc-name" }, "Training");
  private readonly state = h("span", { class: "rb-tc-state", role: "status" });
  private readonly facts = h("span", { class: "rb-tc-facts" });
  private readonly bar = h("div", { class: "rb-tc-done" });
  private readonly buttons: Record<string, HTMLButtonElement> = {};

  /** @param call Asks the run for a verb; rejects when it refuses. */
  constructor(
    badge: HTMLElement,
    private readonly call: (verb: string, run: string) => Promise<unknown>,
    private readonly fail: (error: unknown) => void,
  ) {
    for (const [verb, [label]] of Object.entries(VERBS)) {
      const button = h("button", { class: "rb-button", hidden: true, onclick: () => this.act(verb) }, label);
      this.buttons[verb] = button;
    }
    this.root = h(
      "div",
      {},
      h(
        "div",
        { class: "rb-bar rb-tc-head" },
        this.dot,
        this.name,
        this.state,
        this.facts,
        h("span", { class: "rb-grow" }),
        badge,
        h("span", { class: "rb-tc-verbs" }, ...Object.values(this.buttons)),
      ),
      h("div", { class: "rb-tc-progress", "aria-hidden": "true" }, this.bar),
    );
  }

  show(run: RunCurves | null): void {
    this.run = run;
    if (run === null) return;
    const { info } = run;
    const cut = !this.alive && ["RUNNING", "QUEUED"].includes(info.status);
    const now = cut ? run.told : Date.now();
    if (this.asked !== null && !info.verbs.includes(this.asked)) this.asked = null;
    const status = cut ? "CANCELLED" : info.status;
    this.dot.dataset.status = this.state.dataset.status = this.bar.dataset.status = status;
    setText(this.name, info.label);
    setText(this.state, cut ? "interrupted" : (STATUS[status] ?? status.toLowerCase()));
    const eta = cut ? null : run.eta(now);
    const parts = [
      cut ? "" : info.waits,
      info.step > 0 || info.total ? `step ${number(info.step)}${info.total ? ` of ${number(info.total)}` : ""}` : "",
      info.epoch !== null && info.step > 0 ? `epoch ${info.epoch.toFixed(2)}` : "",
      run.seconds(now) > 0 ? duration(run.seconds(now)) : "",
      eta === null ? "" : `${duration(eta)} left`,
    ];
    setText(this.facts, parts.filter(Boolean).join(" · "));
    this.bar.style.transform = `scaleX(${info.total ? Math.min(1, info.step / info.total) : 0})`;
    for (const [verb, button] of Object.entries(this.buttons)) {
      const [label, going] = VERBS[verb] as [string, string];
      button.hidden = !(info.verbs.includes(verb) || this.asked === verb);
      button.disabled = this.asked !== null;
      setText(button, this.asked === verb ? going : label);
    }
  }

  /** Asks for the first of some verbs that the run takes now. */
  act(...verbs: string[]): void {
    const run = this.run;
    const verb = verbs.find((each) => run?.info.verbs.includes(each));
    if (run === null || verb === undefined || this.asked !== null) return;
    this.asked = verb;
    this.show(run);
    this.call(verb, run.info.id).catch((error) => {
      this.asked = null;
      this.show(this.run);
      this.fail(error);
    });
  }
}

const number = (value: number) => value.toLocaleString("en-US").replaceAll(",", "\u202f");
