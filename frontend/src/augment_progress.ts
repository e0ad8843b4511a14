// AugmentProgress: how far, how fast, at what cost; the newest rows; failures by cause, with Retry.

import { outOf, type State, shares, statusWords, waits } from "./augment_progress/state.ts";
import { fill, h, setText } from "./lib/dom.ts";
import { compact, duration, money } from "./lib/format.ts";
import { defineWidget, failureText, type Stage } from "./lib/widget.ts";
import "./augment_progress.css";

export default defineWidget(
  "augment-progress",
  "Progress of the augmentation",
  (stage) => void new AugmentProgress(stage).open(),
);

class AugmentProgress {
  private readonly status = h("span", { class: "rb-status" });
  private readonly dot = h("span", { class: "rb-dot" });
  private readonly what = h("span", { class: "rb-dim rb-what" });
  private readonly stop = h("button", { class: "rb-button", onclick: () => this.act("stop", this.stop) }, "Stop");
  private readonly retry = h("button", { class: "rb-button", onclick: () => this.act("retry", this.retry) }, "Retry");
  private readonly resume = h("button", { class: "rb-button", onclick: () => this.act("start", this.resume) }, "Go on");
  private readonly track = h("div", {
    class: "rb-parts",
    role: "progressbar",
    "aria-label": "Rows done",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  private readonly parts = ["cached", "done", "failed", "flight"].map((part) => h("span", { "data-part": part }));
  private readonly figures = new Map<string, { box: HTMLElement; value: HTMLElement; side: HTMLElement }>();
  private readonly newest = h("div", { class: "rb-newest", role: "log", "aria-label": "Newest rows" });
  private readonly causes = h("div", { class: "rb-causes" });
  private readonly message = h("div", { class: "rb-message" });
  private readonly notes = h("div", { class: "rb-notes rb-dim" });
  private state: State | undefined;
  private taken = 0; // when the newest state came, in ms
  private alive = true;

  constructor(private readonly stage: Stage) {
    const { root, badge, signal, link } = stage;
    this.track.append(...this.parts);
    const figure = (id: string, label: string) => {
      const value = h("span", { class: "rb-figure-value" }, "–");
      const side = h("span", { class: "rb-faint" });
      const box = h(
        "div",
        { class: "rb-figure" },
        h("div", { class: "rb-label" }, label),
        h("div", {}, value, " ", side),
      );
      this.figures.set(id, { box, value, side });
      return box;
    };
    root.append(
      h(
        "div",
        { class: "rb-bar" },
        this.dot,
        this.status,
        this.what,
        h("span", { class: "rb-grow" }),
        badge,
        this.retry,
        this.resume,
        this.stop,
      ),
      this.track,
      h(
        "div",
        { class: "rb-figures" },
        figure("done", "rows done"),
        figure("cached", "already paid"),
        figure("failed", "failed"),
        figure("rate", "rows per second"),
        figure("eta", "time left"),
        figure("cost", "cost"),
      ),
      this.message,
      this.causes,
      this.newest,
      this.notes,
    );
    for (const button of [this.stop, this.retry, this.resume]) button.hidden = true;
    const clock = setInterval(() => this.paintTime(), 1000);
    signal.addEventListener("abort", () => clearInterval(clock));
    link.onState(({ phase }) => {
      this.alive = phase !== "lost";
      if (this.state !== undefined) this.paint();
    });
    link.onPush((push: Partial<State>) => {
      if (this.state !== undefined) this.take({ ...this.state, ...push });
    });
  }

  async open(): Promise<void> {
    try {
      this.take(await this.stage.link.call<State>("snapshot"));
    } catch (error) {
      this.stage.fail(error);
      fill(this.message, h("button", { class: "rb-button", onclick: () => void this.open() }, "Try again"));
    }
  }

  private take(state: State): void {
    this.state = state;
    this.taken = Date.now();
    this.paint();
  }

  private paint(): void {
    const state = this.state as State;
    const { progress: p, status, running, stopping } = state;
    const cut = running && !this.alive; // what was paid for is kept: the cell, run again, goes on from there
    this.dot.dataset.status = cut ? "CANCELLED" : running && p.paused ? "PAUSED" : status;
    setText(this.status, cut ? "Interrupted" : statusWords(state));
    setText(this.what, [state.teacher, state.method, waits(p)].filter(Boolean).join(" · "));
    this.stop.hidden = !running;
    this.stop.disabled = stopping;
    setText(this.stop, stopping ? "Stopping…" : "Stop");
    this.retry.hidden = running || p.failed === 0;
    setText(this.retry, `Retry ${compact(p.failed)} failed`);
    const open = p.total - p.done - p.failed;
    this.resume.hidden = running || open <= 0;
    setText(this.resume, `Go on with ${compact(open)}`);

    const share = shares(p);
    (["cached", "fresh", "failed", "flight"] as const).forEach((name, i) => {
      (this.parts[i] as HTMLElement).style.width = `${100 * share[name]}%`;
    });
    const done = Math.floor(100 * (share.cached + share.fresh + share.failed));
    this.track.setAttribute("aria-valuenow", String(done));
    this.figure("done", p.done.toLocaleString("en"), outOf(p));
    this.figure("cached", p.cached.toLocaleString("en"), "");
    this.figure("failed", p.failed.toLocaleString("en"), "", p.failed > 0 ? "bad" : "");
    const near = p.budget !== null && p.cost !== null && p.cost >= 0.9 * p.budget;
    const side = p.budget !== null ? `of ${money(p.budget)}` : "";
    this.figure("cost", p.cost === null ? "–" : money(p.cost), side, near ? "warn" : "");
    this.paintTime();
    this.paintMessage(state);
    this.paintCauses(state);
    this.paintNewest(state);
    const last = state.notes[state.notes.length - 1];
    setText(this.notes, last ?? "");
    this.notes.title = state.notes.join("\n");
  }

  private paintTime(): void {
    if (this.state === undefined) return;
    const { progress: p, seconds } = this.state;
    const running = this.state.running && this.alive;
    const since = running ? (Date.now() - this.taken) / 1000 : 0;
    this.figure("rate", p.rate ? p.rate.toFixed(p.rate < 10 ? 1 : 0) : "–", running ? p.brake : "");
    const left = running && p.eta !== null ? duration(Math.max(0, p.eta - since)) : running ? "…" : "–";
    this.figure("eta", left, `after ${duration(seconds + since)}`);
  }

  private figure(id: string, value: string, side: string, kind = ""): void {
    const figure = this.figures.get(id);
    if (figure === undefined) return;
    setText(figure.value, value);
    setText(figure.side, side);
    figure.box.dataset.kind = kind;
  }

  private paintMessage({ error, progress }: State): void {
    fill(
      this.message,
      progress.paused ? h("div", { class: "rb-text" }, `Paused: ${progress.paused}`) : null,
      error && h("div", { class: "rb-error rb-text" }, error.problem),
      error?.fix ? h("code", { class: "rb-text" }, error.fix) : null,
    );
  }

  private paintCauses({ errors }: State): void {
    const shown = JSON.stringify(errors);
    if (this.causes.dataset.shown === shown) return;
    this.causes.dataset.shown = shown;
    fill(
      this.causes,
      ...errors.map(({ cause, count, positions }) =>
        h(
          "div",
          { class: "rb-cause" },
          h("span", { class: "rb-cause-count" }, compact(count)),
          h("span", { class: "rb-text" }, cause),
          h(
            "span",
            { class: "rb-faint" },
            `row${positions.length === 1 ? "" : "s"} ${positions.join(", ")}${count > positions.length ? " …" : ""}`,
          ),
        ),
      ),
    );
  }

  private paintNewest({ newest, running }: State): void {
    if (newest.length === 0) {
      const words = running ? "The first rows are on their way…" : "No row has come in yet.";
      fill(this.newest, h("div", { class: "rb-empty" }, words));
      return;
    }
    const shown = JSON.stringify(newest);
    if (this.newest.dataset.shown === shown) return;
    this.newest.dataset.shown = shown;
    fill(
      this.newest,
      ...newest.map(({ position, request, error, reasoning }) =>
        h(
          "div",
          { class: "rb-new", "data-failed": String(error !== null) },
          h("span", { class: "rb-faint" }, String(position)),
          h("span", { class: "rb-new-request" }, request),
          h(
            "span",
            { class: "rb-new-values" },
            ...(error !== null
              ? [h("span", { class: "rb-error" }, error)]
              : reasoning.map(([name, value]) => h("span", {}, h("span", { class: "rb-dim" }, `${name} `), value))),
          ),
        ),
      ),
    );
  }

  private act(op: string, button: HTMLButtonElement): void {
    button.disabled = true;
    this.stage.link
      .call(op, {}, { once: true })
      .catch((error: unknown) => fill(this.message, h("div", { class: "rb-error rb-text" }, failureText(error))))
      .finally(() => {
        button.disabled = false;
        this.stage.root.focus({ preventScroll: true });
      });
  }
}
