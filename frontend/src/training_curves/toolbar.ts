// The line above the charts: smoothing, log axis, which runs are drawn, the way back from a zoom, the newest alarm.
import { fill, h, setText } from "../lib/dom.ts";
import type { RunCurves, RunInfo } from "./runs.ts";

export interface ToolbarHooks {
  onSmoothing: (weight: number) => void;
  onLog: () => void;
  onWhole: () => void;
  onAlarm: () => void;
  /** A run was hidden or shown. */
  onHide: (run: string, hidden: boolean) => void;
}

export class Toolbar {
  readonly root: HTMLElement;
  private readonly slider = h("input", {
    type: "range",
    min: 0,
    max: 0.99,
    step: 0.01,
    class: "rb-tc-slider",
    "aria-label": "Smoothing",
  });
  private readonly weight = h("output", { class: "rb-tc-number" });
  private readonly log = h(
    "button",
    { class: "rb-button rb-tc-small", "aria-pressed": "false", title: "Logarithmic axis for loss and gradient norm" },
    "log",
  );
  private readonly whole = h("button", { class: "rb-button rb-tc-small", style: "visibility:hidden" }, "whole run");
  private readonly alarm = h("button", { class: "rb-button rb-quiet rb-tc-small rb-tc-alarm", hidden: true });
  private readonly legend = h("div", { class: "rb-tc-legend", role: "group", "aria-label": "Runs" });

  constructor(private readonly hooks: ToolbarHooks) {
    this.slider.addEventListener("input", () => hooks.onSmoothing(Number(this.slider.value)));
    this.log.addEventListener("click", hooks.onLog);
    this.whole.addEventListener("click", hooks.onWhole);
    this.alarm.addEventListener("click", hooks.onAlarm);
    this.root = h(
      "div",
      { class: "rb-tc-tools" },
      h("label", { class: "rb-tc-smooth" }, h("span", { class: "rb-dim" }, "smoothing"), this.slider, this.weight),
      this.log,
      this.legend,
      this.whole,
      h("span", { class: "rb-grow" }),
      this.alarm,
    );
  }

  show(state: { smoothing: number; log: boolean; zoomed: boolean }): void {
    this.slider.value = String(state.smoothing);
    setText(this.weight, state.smoothing.toFixed(2));
    this.log.setAttribute("aria-pressed", String(state.log));
    this.whole.style.visibility = state.zoomed ? "visible" : "hidden";
  }

  /** Says why the run failed, or else its newest alarm. */
  warn(info: RunInfo | null): void {
    const problem = info?.status === "FAILED" ? [info.error, info.fix].filter(Boolean).join(" → ") : "";
    const text = problem || (info !== null && info.alarms > 0 ? info.alarm : "");
    this.alarm.hidden = text === "";
    setText(this.alarm, text === "" ? "" : `⚠ ${text}`);
    this.alarm.title = text;
    this.alarm.dataset.failed = String(problem !== "");
  }

  /** One chip a run, where there are several; a click hides and shows it. */
  name(runs: RunCurves[]): void {
    if (this.legend.childElementCount === runs.length && runs.length > 0) return;
    this.legend.hidden = runs.length < 2;
    fill(this.legend, ...runs.map((run, index) => this.chip(run.info, index)));
  }

  private chip({ id, label }: RunInfo, index: number): HTMLElement {
    const chip = h(
      "button",
      {
        class: "rb-button rb-quiet rb-tc-small rb-tc-run",
        "aria-pressed": "true",
        style: `--run:var(--rb-run-${index % 6})`,
      },
      h("i", { class: "rb-tc-mark", "aria-hidden": "true" }),
      label,
    );
    chip.addEventListener("click", () => {
      const hidden = chip.getAttribute("aria-pressed") === "true";
      chip.setAttribute("aria-pressed", String(!hidden));
      this.hooks.onHide(id, hidden);
    });
    return chip;
  }
}
