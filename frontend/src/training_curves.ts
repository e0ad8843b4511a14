// Curves of one or several runs while they train, and the buttons that steer the first.
import "./training_curves.css";
import { h } from "./lib/dom.ts";
import { keySheetCommand } from "./lib/key_sheet.ts";
import { Keys } from "./lib/keys.ts";
import { Superseded } from "./lib/rpc.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";
import { Charts } from "./training_curves/charts.ts";
import { Drawer } from "./training_curves/drawer.ts";
import { Header } from "./training_curves/header.ts";
import { fittingSmoothing } from "./training_curves/panels.ts";
import { RunCurves, type RunPart, type TablePart } from "./training_curves/runs.ts";
import { Toolbar } from "./training_curves/toolbar.ts";

interface Push {
  runs: RunPart[];
}

class TrainingCurves {
  private readonly runs: RunCurves[] = [];
  private loaded = false;
  private ownSmoothing = false; // the person moved the slider
  private readonly header: Header;
  private readonly toolbar: Toolbar;
  private readonly charts: Charts;
  private readonly drawer: Drawer;

  constructor(private readonly stage: Stage) {
    const { root, link, fail, signal } = stage;
    this.header = new Header(stage.badge, (verb, run) => link.call(verb, { run }, { once: true }), fail);
    this.drawer = new Drawer(link, fail);
    this.charts = new Charts(
      this.runs,
      {
        onZoom: (range) => this.zoomed(range),
        onPick: (run, step) => this.drawer.showRows(run.info, step),
        blank: () => this.blankText(),
        onDrawn: (step) => {
          root.dataset.step = String(step);
        },
      },
      signal,
    );
    this.toolbar = new Toolbar({
      onSmoothing: (weight) => this.smoothAs(weight),
      onLog: () => this.toggleLog(),
      onWhole: () => this.charts.setZoom(null),
      onAlarm: () => this.drawer.select("log"),
      onHide: (run, hidden) => {
        if (hidden) this.charts.hidden.add(run);
        else this.charts.hidden.delete(run);
        this.charts.paintAll();
      },
    });
    const keys = this.keys();
    root.append(
      this.header.root,
      this.toolbar.root,
      this.charts.root,
      this.drawer.root,
      h("div", { class: "rb-bar rb-rule rb-tc-foot" }, keys.hints),
    );
    keys.attach(root, signal);
    this.showToolbar();
    link.onState(({ phase }) => {
      this.header.alive = phase !== "lost";
      this.header.show(this.runs[0] ?? null);
    });
    link.onPush((push: Push, buffers) => this.pushed(push, buffers));
    stage.onTheme(() => this.charts.recolour());
    const clock = setInterval(() => this.header.show(this.runs[0] ?? null), 1000);
    signal.addEventListener("abort", () => clearInterval(clock));
    void this.load();
  }

  // -- data -------------------------------------------------------------------------------------------------
  private async load(): Promise<void> {
    try {
      const { result, buffers } = await this.stage.link.callWithBuffers<Push>("snapshot", {}, { lane: "snapshot" });
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
      if (!(error instanceof Superseded)) this.stage.fail(error);
    }
  }

  private pushed(push: Push, buffers: DataView[]): void {
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
    const first = this.runs[0] ?? null;
    this.header.show(first);
    this.toolbar.name(this.runs);
    this.toolbar.warn(first?.info ?? null);
    this.drawer.update(first?.info ?? null);
    const fitting = fittingSmoothing(Math.max(0, ...this.runs.map((run) => run.points)));
    if (!this.ownSmoothing && fitting !== this.charts.smoothing) this.smooth(fitting);
    this.charts.follow();
  }

  /** Asks for the finer points of a zoomed range where the snapshot of a long run was thinned. */
  private zoomed(range: [number, number] | null): void {
    this.showToolbar();
    if (range === null) return;
    const [low, high] = range;
    for (const run of this.runs) {
      if (!run.coarse(low, high)) continue;
      const { id } = run.info;
      this.stage.link
        .callWithBuffers<TablePart>("detail", { run: id, low, high }, { lane: `detail:${id}` })
        .then(({ result, buffers }) => {
          run.refine(low, high, result, buffers);
          this.charts.paintAll();
        })
        .catch((error) => error instanceof Superseded || this.stage.fail(error));
    }
  }

  private blankText(): string {
    if (!this.loaded) return "Fetching the curves…";
    if (this.runs.some((run) => run.tables.step.length + run.tables.eval.length > 0)) return "";
    const info = this.runs[0]?.info;
    if (info === undefined) return "No run yet.";
    if (info.status === "FAILED")
      return [info.error || "The run failed before its first step.", info.fix].filter(Boolean).join("\n→ ");
    if (info.status === "QUEUED") return `This run ${info.waits}. It begins by itself.`;
    if (info.status === "RUNNING") return info.note || "Waiting for the first step…";
    return info.status === "CREATED" ? "This run has not started." : "This run ended before its first step.";
  }

  // -- what a person sets -----------------------------------------------------------------------------------
  private smoothAs(weight: number): void {
    this.ownSmoothing = true;
    this.smooth(weight);
  }

  private smooth(weight: number): void {
    this.charts.smoothing = Math.min(0.99, Math.max(0, Math.round(weight * 100) / 100));
    this.showToolbar();
    this.charts.paintAll();
  }

  private toggleLog(): void {
    this.charts.log = !this.charts.log;
    this.showToolbar();
    this.charts.paintAll();
  }

  private whole(): void {
    this.charts.setZoom(null);
    this.charts.cross(null);
  }

  private showToolbar(): void {
    const { smoothing, log, zoomed } = this.charts;
    this.toolbar.show({ smoothing, log, zoomed });
  }

  private keys(): Keys {
    const { charts } = this;
    const keys: Keys = new Keys("training_curves", [
      { id: "left", label: "earlier", keys: ["ArrowLeft"], run: () => charts.walk(-1) },
      { id: "right", label: "later", keys: ["ArrowRight"], run: () => charts.walk(1) },
      { id: "rows", label: "rows of the step", keys: ["Enter"], run: () => charts.pickHere() },
      { id: "in", label: "zoom", keys: ["+", "="], run: () => charts.zoomBy(0.5) },
      { id: "out", label: "zoom out", hint: false, keys: ["-"], run: () => charts.zoomBy(2) },
      { id: "whole", label: "whole run", keys: ["Escape", "0"], run: () => this.whole() },
      { id: "log", label: "log", keys: ["l"], run: () => this.toggleLog() },
      { id: "smoother", label: "smoother", keys: ["]"], run: () => this.smoothAs(charts.smoothing + 0.05) },
      { id: "rougher", label: "rougher", hint: false, keys: ["["], run: () => this.smoothAs(charts.smoothing - 0.05) },
      { id: "pause", label: "pause, resume", keys: ["p"], run: () => this.header.act("pause", "resume") },
      keySheetCommand(this.stage.root, () => keys),
    ]);
    return keys;
  }
}

export default defineWidget("training-curves", "Training curves", (stage) => void new TrainingCurves(stage));
