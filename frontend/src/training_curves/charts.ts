// All charts of the widget: one range of steps, one crosshair, painted at most once a frame.

import { h } from "../lib/dom.ts";
import { niceEnd } from "../lib/plot/grid.ts";
import type { Colours } from "../lib/plot/plot.ts";
import type { Table } from "../lib/plot/table.ts";
import { colour } from "../lib/theme.ts";
import { Panel, type Picture } from "./panel.ts";
import { PANELS } from "./panels.ts";
import type { RunCurves } from "./runs.ts";

const SMALL_AT_ONCE = 2; // small panels in one frame while points stream in; the others follow in the next ones

export interface ChartsHooks {
  /** The range was changed; null is the whole run. */
  onZoom: (range: [number, number] | null) => void;
  /** A point was clicked. */
  onPick: (run: RunCurves, step: number) => void;
  /** What to say where there are no points. */
  blank: () => string;
  /** The newest step that is on the page now. */
  onDrawn: (step: number) => void;
}

export class Charts {
  readonly root: HTMLElement;
  readonly hidden = new Set<string>();
  smoothing = 0.6;
  log = false;
  private zoom: [number, number] | null = null;
  private at: number | null = null;
  private readonly main: Panel;
  private readonly small: Panel[];
  private frame = 0;
  private owed = 0; // small panels that do not show the newest points yet
  private turn = 0; // the small panel that is painted next
  private visible = true;
  private colours: Colours = { text: "", muted: "", line: "", surface: "", runs: [] };
  private coloured = false;

  constructor(
    private readonly runs: readonly RunCurves[],
    private readonly hooks: ChartsHooks,
    signal: AbortSignal,
  ) {
    const panelHooks = {
      sync: `rb-${Math.random().toString(36).slice(2)}`,
      colours: () => this.colours,
      onHover: (x: number | null) => this.hover(x),
      onZoom: (range: [number, number] | null) => this.setZoom(range),
      onPick: (x: number) => this.pick(x),
    };
    const [main, ...small] = PANELS.map((spec) => new Panel(spec, panelHooks)) as [Panel, ...Panel[]];
    [this.main, this.small] = [main, small];
    this.root = h(
      "div",
      {},
      h("div", { class: "rb-tc-main" }, main.root),
      h("div", { class: "rb-tc-grid" }, ...small.map((panel) => panel.root)),
    );
    main.say(hooks.blank());
    this.watch(signal);
    signal.addEventListener("abort", () => {
      cancelAnimationFrame(this.frame);
      for (const panel of [main, ...small]) panel.destroy();
    });
  }

  get zoomed(): boolean {
    return this.zoom !== null;
  }

  // -- painting ---------------------------------------------------------------------------------------------
  /** New points came: the large chart shows them in the next frame, the small ones take turns. */
  follow(): void {
    this.owed = Math.max(this.owed, this.small.length);
    this.paint();
  }

  /** Paints all panels in the next frame: what a person does shows at once. */
  paintAll(): void {
    this.owed = 2 * this.small.length;
    this.paint();
  }

  recolour(): void {
    this.coloured = false;
    this.paintAll();
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
    this.main.draw(picture);
    const all = this.owed > this.small.length;
    for (let left = all ? this.small.length : Math.min(this.owed, SMALL_AT_ONCE); left > 0; left--) {
      this.small[this.turn]?.draw(picture);
      this.turn = (this.turn + 1) % this.small.length;
    }
    this.owed = all ? 0 : Math.max(0, this.owed - SMALL_AT_ONCE);
    if (this.owed > 0) this.paint();
    this.main.say(this.hooks.blank());
    this.hooks.onDrawn(Math.max(0, ...this.runs.map((run) => run.lastStep)));
  }

  private picture(): Picture {
    const shown = this.shown;
    const last = Math.max(0, ...shown.map((run) => run.lastStep));
    const live = shown.some((run) => ["RUNNING", "PAUSED"].includes(run.info.status));
    const total = Math.max(0, ...shown.map((run) => run.info.total ?? 0));
    const end = live ? niceEnd(last, total >= last && total > 0 ? total : null) : Math.max(1, last);
    const [from, to] = this.zoom ?? [0, end];
    return {
      runs: [...this.runs],
      hidden: this.hidden,
      from,
      to,
      smoothing: this.smoothing,
      log: this.log,
      at: this.at,
    };
  }

  // -- crosshair and range ----------------------------------------------------------------------------------
  private get shown(): RunCurves[] {
    return this.runs.filter((run) => !this.hidden.has(run.info.id));
  }

  /** The points of the first run that is shown, as they are drawn. */
  private leading(): Table | null {
    const { from, to } = this.picture();
    const table = this.shown[0]?.table("step", from, to);
    return table === undefined || table.length === 0 ? null : table;
  }

  /** The logged step nearest to x. */
  private snap(x: number): number {
    const table = this.leading();
    return table === null ? Math.round(x) : (table.x[table.nearest(x)] as number);
  }

  private hover(x: number | null): void {
    const snapped = x === null ? null : this.snap(x);
    if (snapped === this.at) return;
    this.at = snapped;
    this.read();
  }

  private read(): void {
    const picture = this.picture();
    for (const panel of [this.main, ...this.small]) panel.read(picture);
  }

  private pick(x: number): void {
    const run = this.shown[0];
    if (run !== undefined) this.hooks.onPick(run, this.snap(x));
  }

  /** Picks the point under the crosshair. */
  pickHere(): void {
    if (this.at !== null) this.pick(this.at);
  }

  /** Moves the crosshair by logged points; by about a hundredth of the view where they are dense. */
  walk(by: number): void {
    const table = this.leading();
    if (table === null) return;
    const { from, to } = this.picture();
    const stride = Math.max(1, Math.round((table.nearest(to) - table.nearest(from)) / 100));
    const now = table.nearest(this.at ?? to);
    const next = Math.min(table.length - 1, Math.max(0, this.at === null ? now : now + by * stride));
    this.cross(table.x[next] as number);
  }

  /** Puts the crosshair on a step, or takes it away. */
  cross(x: number | null): void {
    this.at = x;
    for (const panel of [this.main, ...this.small]) panel.point(x);
    this.read();
  }

  setZoom(range: [number, number] | null): void {
    this.zoom = range !== null && range[1] - range[0] >= 1e-9 ? range : null;
    this.paintAll();
    this.hooks.onZoom(this.zoom);
  }

  zoomBy(factor: number): void {
    const { from, to } = this.picture();
    const middle = this.at ?? (from + to) / 2;
    const half = ((to - from) / 2) * factor;
    const last = Math.max(1, ...this.runs.map((run) => run.lastStep));
    const range: [number, number] = [Math.max(0, middle - half), Math.min(last, middle + half)];
    this.setZoom(range[0] <= 0 && range[1] >= last ? null : range);
  }

  // -- its place on the page --------------------------------------------------------------------------------
  private readColours(): void {
    this.coloured = this.root.isConnected;
    const of = (name: string) => colour(this.root, name);
    this.colours = {
      text: of("--rb-text"),
      muted: of("--rb-muted"),
      line: of("--rb-line"),
      surface: of("--rb-surface"),
      runs: [0, 1, 2, 3, 4, 5].map((index) => of(`--rb-run-${index}`)),
    };
  }

  private watch(signal: AbortSignal): void {
    const size = new ResizeObserver(() => this.paintAll());
    size.observe(this.root);
    // Charts that are scrolled away cost nothing; they are painted once when they come back.
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1)?.isIntersecting ?? true;
      this.paintAll();
    });
    seen.observe(this.root);
    signal.addEventListener("abort", () => {
      size.disconnect();
      seen.disconnect();
    });
  }
}
