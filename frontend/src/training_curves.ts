// Curves of one or several runs while they train, and the buttons that steer them.
import "./training_curves.css";
import { niceEnd } from "./charts/grid.ts";
import type { Colours } from "./charts/plot.ts";
import { brief, byteMarks, bytes } from "./charts/ticks.ts";
import { Log } from "./curves/log.ts";
import { Panel, type PanelSpec, type Picture } from "./curves/panel.ts";
import { RunCurves, type RunPart, type TablePart, valueAt } from "./curves/runs.ts";
import { Samples } from "./curves/samples.ts";
import { StepRows } from "./curves/steprows.ts";
import { fill, h, setText } from "./lib/dom.ts";
import { compact, duration, percent } from "./lib/format.ts";
import { Keys } from "./lib/keys.ts";
import { keySheetCommand } from "./lib/keysheet.ts";
import { Superseded } from "./lib/rpc.ts";
import { colour } from "./lib/theme.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";

const PANELS: PanelSpec[] = [
  {
    title: "Loss", height: 220, format: (v) => brief(v), logarithmic: true,
    curves: [
      { table: "step", column: "loss", label: "train", smooth: true },
      { table: "eval", column: "eval_loss", label: "eval", smooth: false, seldom: true },
    ],
  },
  { title: "Learning rate", height: 96, format: (v) => brief(v), curves: [{ table: "step", column: "learning_rate", smooth: false }] },
  {
    title: "Gradient norm", height: 96, format: (v) => brief(v), logarithmic: true,
    curves: [{ table: "step", column: "grad_norm", smooth: true }],
  },
  { title: "Tokens / s", height: 96, format: compact, curves: [{ table: "step", column: "tokens_per_second", smooth: true }] },
  { title: "Memory", height: 96, format: bytes, span: 0.2, marks: byteMarks, curves: [{ table: "step", column: "memory", smooth: false }] },
  {
    title: "Thinking valid", height: 96, format: percent, fixed: [0, 1], note: unwell,
    curves: [{ table: "health", column: "valid", smooth: false, seldom: true }],
  },
  {
    title: "Samples right", height: 96, format: percent, fixed: [0, 1],
    curves: [{ table: "health", column: "correct", smooth: false, seldom: true }],
  },
];

/** The commonest way in which thinking failed at an evaluation. */
function unwell(run: RunCurves, x: number): string {
  const shares = ["empty", "unfinished", "missing"].map((name) => ({ name, share: valueAt(run.tables.health, name, x)?.value ?? 0 }));
  const worst = shares.reduce((a, b) => (b.share > a.share ? b : a));
  return worst.share > 0 ? `${percent(worst.share)} ${worst.name}` : "";
}

const SMALL_AT_ONCE = 2; // small panels in one frame while points stream in; the others follow in the next ones
const STATUS: Record<string, string> = {
  CREATED: "not started", RUNNING: "training", PAUSED: "paused", COMPLETED: "done", PARTIAL: "partly done",
  FAILED: "failed", CANCELLED: "stopped",
};
const VERBS: Record<string, [string, string]> = {
  pause: ["Pause", "Pausing…"], resume: ["Resume", "Resuming…"], stop: ["Stop", "Stopping…"],
};

class TrainingCurves {
  private readonly runs: RunCurves[] = [];
  private readonly hidden = new Set<string>();
  private zoom: [number, number] | null = null;
  private at: number | null = null;
  private smoothing = 0.6;
  private ownSmoothing = false; // the person moved the slider
  private log = false;
  private frame = 0;
  private owed = 0; // small panels that do not show the newest points yet
  private turn = 0; // the small panel that is painted next
  private visible = true;
  private loaded = false;
  private colours: Colours = { text: "", muted: "", line: "", surface: "", runs: [] };
  private coloured = false;
  private asking: string | null = null; // verb on its way to the run

  private readonly panels: Panel[];
  private readonly samples: Samples;
  private readonly rows: StepRows;
  private readonly notes: Log;
  private readonly dot = h("span", { class: "rb-dot" });
  private readonly name = h("span", { class: "rb-title rb-tc-name" }, "Training");
  private readonly state = h("span", { class: "rb-tc-state", role: "status" });
  private readonly facts = h("span", { class: "rb-tc-facts" });
  private readonly bar = h("div", { class: "rb-tc-done" });
  private readonly buttons: Record<string, HTMLButtonElement> = {};
  private readonly legend = h("div", { class: "rb-tc-legend", role: "group", "aria-label": "Runs" });
  private readonly slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, class: "rb-tc-slider", "aria-label": "Smoothing" });
  private readonly sliderText = h("output", { class: "rb-tc-number" });
  private readonly logButton = h("button", { class: "rb-button rb-tc-small", "aria-pressed": "false" }, "log");
  private readonly whole = h("button", { class: "rb-button rb-tc-small rb-tc-whole" }, "whole run");
  private readonly alarm = h("button", { class: "rb-button rb-quiet rb-tc-small rb-tc-alarm", hidden: true });
  private readonly tabs: Record<"samples" | "rows" | "log", { button: HTMLButtonElement; body: HTMLElement }>;

  constructor(private readonly stage: Stage) {
    const { link, fail } = stage;
    this.readColours();
    const sync = `rb-${Math.random().toString(36).slice(2)}`;
    const hooks = {
      sync,
      colours: () => this.colours,
      onHover: (x: number | null) => this.hover(x),
      onZoom: (range: [number, number] | null) => this.setZoom(range),
      onPick: (x: number) => this.pick(x),
    };
    this.panels = PANELS.map((spec) => new Panel(spec, hooks));
    this.samples = new Samples(link, fail);
    this.rows = new StepRows(link, fail);
    this.notes = new Log(link, fail);
    this.tabs = {
      samples: this.tab("samples", "Samples", this.samples.root),
      rows: this.tab("rows", "Rows of a step", this.rows.root),
      log: this.tab("log", "Log", this.notes.root),
    };
    const keys = this.keys();
    stage.root.append(this.header(), h("div", { class: "rb-tc-progress", "aria-hidden": "true" }, this.bar), this.tools());
    const [main, ...small] = this.panels as [Panel, ...Panel[]];
    stage.root.append(
      h("div", { class: "rb-tc-main" }, main.root),
      h("div", { class: "rb-tc-grid" }, ...small.map((panel) => panel.root)),
      this.drawer(),
      h("div", { class: "rb-bar rb-rule rb-tc-foot" }, keys.hints),
    );
    keys.attach(stage.root, stage.signal);
    this.select("samples");
    this.setSmoothing(this.smoothing);
    this.panels.forEach((panel) => panel.say(panel === main ? "Fetching the curves…" : ""));

    link.onPush((push, buffers) => this.pushed(push, buffers));
    stage.onTheme(() => {
      this.readColours();
      this.paintAll();
    });
    this.watchSize();
    const clock = setInterval(() => this.showFacts(), 1000);
    stage.signal.addEventListener("abort", () => {
      clearInterval(clock);
      cancelAnimationFrame(this.frame);
      this.panels.forEach((panel) => panel.destroy());
    });
    void this.load();
  }

  // -- data -------------------------------------------------------------------------------------------------
  private async load(): Promise<void> {
    try {
      const { result, buffers } = await this.stage.link.callWithBuffers<{ runs: RunPart[] }>("snapshot", {}, { lane: "snapshot" });
      this.runs.length = 0;
      for (const part of result.runs) {
        const run = new RunCurves(part.info);
        run.reset(part, buffers);
        run.told = Date.now();
        this.runs.push(run);
      }
      this.loaded = true;
      this.told();
    } catch (error) {
      if (error instanceof Superseded) return;
      this.panels[0]?.say("The curves could not be fetched.");
      this.stage.fail(error);
    }
  }

  private pushed(push: { runs: RunPart[] }, buffers: DataView[]): void {
    if (!this.loaded) return; // the snapshot on its way holds these points
    let whole = true;
    for (const part of push.runs) {
      const run = this.runs.find((known) => known.info.id === part.info.id);
      if (run === undefined) {
        whole = false;
        break;
      }
      whole = run.follow(part, buffers) && whole;
      run.told = Date.now();
    }
    if (!whole) void this.load();
    this.told();
  }

  /** Everything that follows from new facts; the charts wait for the next frame. */
  private told(): void {
    this.asking = null;
    this.showFacts();
    this.showLegend();
    const run = this.runs[0];
    if (!this.ownSmoothing) {
      const fitting = fittingSmoothing(Math.max(0, ...this.runs.map((each) => each.points)));
      if (fitting !== this.smoothing) this.setSmoothing(fitting);
    }
    this.samples.update(run?.info ?? null);
    this.notes.update(run?.info ?? null);
    setText(this.tabs.samples.button, run?.info.samples.length ? `Samples · ${run.info.samples.length}` : "Samples");
    const said = (run?.info.alarms ?? 0) + (run?.info.notes ?? 0);
    setText(this.tabs.log.button, said > 0 ? `Log · ${said}` : "Log");
    this.owed = Math.max(this.owed, this.panels.length - 1);
    this.paint();
  }

  // -- charts -----------------------------------------------------------------------------------------------
  /** Paints all panels in the next frame: what a person does shows at once. */
  private paintAll(): void {
    this.owed = 2 * this.panels.length;
    this.paint();
  }

  private paint(): void {
    if (this.frame !== 0 || !this.visible) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    // Some hosts attach the view after it was made; only then have its custom properties values.
    if (!this.coloured) this.readColours();
    const picture = this.picture();
    const [main, ...small] = this.panels as [Panel, ...Panel[]];
    main.draw(picture);
    const all = this.owed > small.length;
    for (let left = all ? small.length : Math.min(this.owed, SMALL_AT_ONCE); left > 0; left--) {
      small[this.turn]?.draw(picture);
      this.turn = (this.turn + 1) % small.length;
    }
    this.owed = all ? 0 : Math.max(0, this.owed - SMALL_AT_ONCE);
    if (this.owed > 0) this.paint();
    main.say(this.blankText());
    this.stage.root.dataset.step = String(Math.max(0, ...this.runs.map((run) => run.lastStep)));
  }

  private picture(): Picture {
    const shown = this.runs.filter((run) => !this.hidden.has(run.info.id));
    const last = Math.max(0, ...shown.map((run) => run.lastStep));
    const live = shown.some((run) => ["RUNNING", "PAUSED"].includes(run.info.status));
    const totals = shown.map((run) => run.info.total ?? 0);
    const total = Math.max(0, ...totals);
    const end = live ? niceEnd(last, total >= last && total > 0 ? total : null) : Math.max(1, last);
    const [from, to] = this.zoom ?? [0, end];
    return { runs: this.runs, hidden: this.hidden, from, to, smoothing: this.smoothing, log: this.log, at: this.at };
  }

  private blankText(): string {
    if (!this.loaded) return "Fetching the curves…";
    if (this.runs.some((run) => run.tables.step.length + run.tables.eval.length > 0)) return "";
    const info = this.runs[0]?.info;
    if (info === undefined) return "No run yet.";
    if (info.status === "FAILED") return [info.error || "The run failed before its first step.", info.fix].filter(Boolean).join("\n→ ");
    if (info.status === "RUNNING") return info.note || "Waiting for the first step…";
    return info.status === "CREATED" ? "This run has not started." : "This run ended before its first step.";
  }

  private hover(x: number | null): void {
    const snapped = x === null ? null : this.snap(x);
    if (snapped === this.at) return;
    this.at = snapped;
    this.readAll();
  }

  private readAll(): void {
    const picture = this.picture();
    for (const panel of this.panels) panel.read(picture);
  }

  /** The logged step nearest to x in the first run that is shown. */
  private snap(x: number): number {
    for (const run of this.runs) {
      if (this.hidden.has(run.info.id)) continue;
      const picture = this.picture();
      const table = run.table("step", picture.from, picture.to);
      const index = table.nearest(x);
      if (index >= 0) return table.x[index] as number;
    }
    return Math.round(x);
  }

  private pick(x: number): void {
    const run = this.runs.find((each) => !this.hidden.has(each.info.id));
    if (run === undefined) return;
    this.select("rows");
    this.rows.show(run.info.id, run.info.label, this.snap(x));
  }

  private setZoom(range: [number, number] | null): void {
    this.zoom = range !== null && range[1] - range[0] >= 1e-9 ? range : null;
    this.whole.style.visibility = this.zoom === null ? "hidden" : "visible";
    this.paintAll();
    if (this.zoom !== null) this.refine(...this.zoom);
  }

  /** Asks for the finer points of a zoomed range where the snapshot of a long run was thinned. */
  private refine(from: number, to: number): void {
    for (const run of this.runs) {
      if (!run.coarse(from, to)) continue;
      this.stage.link
        .callWithBuffers<TablePart>("detail", { run: run.info.id, low: from, high: to }, { lane: `detail:${run.info.id}` })
        .then(({ result, buffers }) => {
          run.refine(from, to, result, buffers);
          this.paintAll();
        })
        .catch((error) => error instanceof Superseded || this.stage.fail(error));
    }
  }

  private smoothAs(weight: number): void {
    this.ownSmoothing = true;
    this.setSmoothing(weight);
  }

  private setSmoothing(weight: number): void {
    this.smoothing = Math.min(0.99, Math.max(0, Math.round(weight * 100) / 100));
    this.slider.value = String(this.smoothing);
    setText(this.sliderText, this.smoothing.toFixed(2));
    this.paintAll();
  }

  private setLog(log: boolean): void {
    this.log = log;
    this.logButton.setAttribute("aria-pressed", String(log));
    this.paintAll();
  }

  // -- facts and verbs --------------------------------------------------------------------------------------
  private showFacts(): void {
    const run = this.runs[0];
    if (run === undefined) return;
    const { info } = run;
    const now = Date.now();
    this.dot.dataset.status = info.status;
    setText(this.name, info.label);
    setText(this.state, STATUS[info.status] ?? info.status.toLowerCase());
    this.state.dataset.status = info.status;
    const steps = info.total ? `step ${number(info.step)} of ${number(info.total)}` : `step ${number(info.step)}`;
    const eta = run.eta(now);
    const parts = [
      info.step > 0 || info.total ? steps : "",
      info.epoch !== null && info.step > 0 ? `epoch ${info.epoch.toFixed(2)}` : "",
      run.seconds(now) > 0 ? duration(run.seconds(now)) : "",
      eta === null ? "" : `${duration(eta)} left`,
    ];
    setText(this.facts, parts.filter(Boolean).join(" · "));
    this.bar.style.transform = `scaleX(${info.total ? Math.min(1, info.step / info.total) : 0})`;
    this.bar.dataset.status = info.status;
    for (const [verb, button] of Object.entries(this.buttons)) {
      const [label, going] = VERBS[verb] as [string, string];
      const offered = info.verbs.includes(verb);
      button.hidden = !(offered || this.asking === verb);
      button.disabled = this.asking !== null;
      setText(button, this.asking === verb ? going : label);
    }
    const problem = info.status === "FAILED" ? [info.error, info.fix].filter(Boolean).join(" → ") : "";
    const text = problem || (info.alarms > 0 ? info.alarm : "");
    this.alarm.hidden = text === "";
    setText(this.alarm, text === "" ? "" : `⚠ ${text}`);
    this.alarm.title = text;
    this.alarm.dataset.failed = String(problem !== "");
  }

  private act(verb: string): void {
    const run = this.runs[0];
    if (run === undefined || this.asking !== null || !run.info.verbs.includes(verb)) return;
    this.asking = verb;
    this.showFacts();
    this.stage.link.call(verb, { run: run.info.id }, { once: true }).catch((error) => {
      this.asking = null;
      this.showFacts();
      this.stage.fail(error);
    });
  }

  private showLegend(): void {
    if (this.legend.childElementCount === this.runs.length && this.runs.length > 0) return;
    this.legend.hidden = this.runs.length < 2;
    fill(
      this.legend,
      ...this.runs.map((run, index) => {
        const chip = h(
          "button",
          { class: "rb-button rb-quiet rb-tc-small rb-tc-run", "aria-pressed": "true", style: `--run:var(--rb-run-${index % 6})` },
          h("i", { class: "rb-tc-mark", "aria-hidden": "true" }),
          run.info.label,
        );
        chip.addEventListener("click", () => {
          const { id } = run.info;
          if (!this.hidden.delete(id)) this.hidden.add(id);
          chip.setAttribute("aria-pressed", String(!this.hidden.has(id)));
          this.paintAll();
        });
        return chip;
      }),
    );
  }

  // -- parts ------------------------------------------------------------------------------------------------
  private header(): HTMLElement {
    for (const verb of ["pause", "resume", "stop"]) {
      const button = h("button", { class: "rb-button", hidden: true }, (VERBS[verb] as [string, string])[0]);
      button.addEventListener("click", () => this.act(verb));
      this.buttons[verb] = button;
    }
    return h(
      "div",
      { class: "rb-bar rb-tc-head" },
      this.dot, this.name, this.state, this.facts,
      h("span", { class: "rb-grow" }),
      this.stage.badge,
      h("span", { class: "rb-tc-verbs" }, ...Object.values(this.buttons)),
    );
  }

  private tools(): HTMLElement {
    this.slider.addEventListener("input", () => this.smoothAs(Number(this.slider.value)));
    this.logButton.addEventListener("click", () => this.setLog(!this.log));
    this.logButton.title = "Logarithmic axis for loss and gradient norm";
    this.whole.addEventListener("click", () => this.setZoom(null));
    this.whole.style.visibility = "hidden";
    this.alarm.addEventListener("click", () => this.select("log"));
    return h(
      "div",
      { class: "rb-tc-tools" },
      h("label", { class: "rb-tc-smooth" }, h("span", { class: "rb-dim" }, "smoothing"), this.slider, this.sliderText),
      this.logButton, this.legend, this.whole,
      h("span", { class: "rb-grow" }),
      this.alarm,
    );
  }

  private tab(id: "samples" | "rows" | "log", label: string, body: HTMLElement) {
    const button = h("button", { class: "rb-tc-tab", role: "tab", "aria-selected": "false" }, label);
    button.addEventListener("click", () => this.select(id));
    body.setAttribute("role", "tabpanel");
    body.setAttribute("aria-label", label);
    return { button, body };
  }

  private select(id: "samples" | "rows" | "log"): void {
    for (const [name, { button, body }] of Object.entries(this.tabs)) {
      button.setAttribute("aria-selected", String(name === id));
      button.tabIndex = name === id ? 0 : -1;
      body.hidden = name !== id;
    }
  }

  private drawer(): HTMLElement {
    const list = h("div", { class: "rb-tc-tabs", role: "tablist" }, ...Object.values(this.tabs).map((tab) => tab.button));
    list.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      const names = Object.keys(this.tabs) as (keyof typeof this.tabs)[];
      const now = names.findIndex((name) => this.tabs[name].button.getAttribute("aria-selected") === "true");
      const next = names[(now + (event.key === "ArrowRight" ? 1 : names.length - 1)) % names.length] as keyof typeof this.tabs;
      this.select(next);
      this.tabs[next].button.focus();
    });
    return h("div", { class: "rb-tc-drawer" }, list, h("div", { class: "rb-tc-body" }, ...Object.values(this.tabs).map((tab) => tab.body)));
  }

  private keys(): Keys {
    const keys: Keys = new Keys("training_curves", [
      { id: "left", label: "earlier", keys: ["ArrowLeft"], run: () => this.walk(-1) },
      { id: "right", label: "later", keys: ["ArrowRight"], run: () => this.walk(1) },
      { id: "rows", label: "rows of the step", keys: ["Enter"], run: () => this.at !== null && this.pick(this.at) },
      { id: "in", label: "zoom", keys: ["+", "="], run: () => this.zoomBy(0.5) },
      { id: "out", label: "zoom out", hint: false, keys: ["-"], run: () => this.zoomBy(2) },
      { id: "whole", label: "whole run", keys: ["Escape", "0"], run: () => (this.setZoom(null), this.cross(null)) },
      { id: "log", label: "log", keys: ["l"], run: () => this.setLog(!this.log) },
      { id: "smoother", label: "smoother", keys: ["]"], run: () => this.smoothAs(this.smoothing + 0.05) },
      { id: "rougher", label: "rougher", hint: false, keys: ["["], run: () => this.smoothAs(this.smoothing - 0.05) },
      { id: "pause", label: "pause, resume", keys: ["p"], run: () => (this.act("pause"), this.act("resume")) },
      keySheetCommand(this.stage.root, () => keys),
    ]);
    return keys;
  }

  /** Moves the crosshair by logged points; by about a hundredth of the view where they are dense. */
  private walk(by: number): void {
    const run = this.runs.find((each) => !this.hidden.has(each.info.id));
    const picture = this.picture();
    const table = run?.table("step", picture.from, picture.to);
    if (table === undefined || table.length === 0) return;
    const inView = table.nearest(picture.to) - table.nearest(picture.from);
    const stride = Math.max(1, Math.round(inView / 100));
    const now = table.nearest(this.at ?? picture.to);
    const next = Math.min(table.length - 1, Math.max(0, this.at === null ? now : now + by * stride));
    this.cross(table.x[next] as number);
  }

  private cross(x: number | null): void {
    this.at = x;
    for (const panel of this.panels) panel.point(x);
    this.readAll();
  }

  private zoomBy(factor: number): void {
    const { from, to } = this.picture();
    const middle = this.at ?? (from + to) / 2;
    const half = ((to - from) / 2) * factor;
    const last = Math.max(1, ...this.runs.map((run) => run.lastStep));
    const range: [number, number] = [Math.max(0, middle - half), Math.min(last, middle + half)];
    this.setZoom(range[0] <= 0 && range[1] >= last ? null : range);
  }

  private readColours(): void {
    const { root } = this.stage;
    this.coloured = root.isConnected;
    const of = (name: string) => colour(root, name);
    this.colours = {
      text: of("--rb-text"), muted: of("--rb-muted"), line: of("--rb-line"), surface: of("--rb-surface"),
      runs: [0, 1, 2, 3, 4, 5].map((index) => of(`--rb-run-${index}`)),
    };
  }

  private watchSize(): void {
    const size = new ResizeObserver(() => {
      this.paintAll();
    });
    size.observe(this.stage.root);
    // A widget that is scrolled away costs nothing; it paints once when it comes back.
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1)?.isIntersecting ?? true;
      this.paintAll();
    });
    seen.observe(this.stage.root);
    this.stage.signal.addEventListener("abort", () => (size.disconnect(), seen.disconnect()));
  }
}

/** A weight that averages over about a fortieth of the curve. */
function fittingSmoothing(points: number): number {
  const steps: [number, number][] = [[60, 0.3], [150, 0.6], [400, 0.8], [1200, 0.9], [5000, 0.95], [30_000, 0.98]];
  return steps.find(([most]) => points <= most)?.[1] ?? 0.99;
}

const number = (value: number) => value.toLocaleString("en-US").replaceAll(",", "\u202f");

export default defineWidget("training-curves", "Training curves", (stage) => void new TrainingCurves(stage));
