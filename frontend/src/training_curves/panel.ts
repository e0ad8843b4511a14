// A titled chart of one quantity over all runs; its title row reads out the value under the crosshair.

import { fill, h, setText } from "../lib/dom.ts";
import type { Column, TableName } from "../lib/events.gen.ts";
import { type Slot, sample, trace, type View } from "../lib/plot/grid.ts";
import { type Colours, Plot, type Stroke } from "../lib/plot/plot.ts";
import { type RunCurves, valueAt } from "./runs.ts";

export interface Curve {
  table: TableName;
  /** A source's curve bears the source's own name. */
  column: Column | (string & {});
  /** Named in the readout where a panel has several. */
  label?: string;
  smooth: boolean;
  /** Points with a dashed line between them, for what is measured seldom. */
  seldom?: boolean;
  /** Which source of the run's mixture it is of, from 1. */
  source?: number;
}

export interface PanelSpec {
  title: string;
  curves: Curve[];
  /** One more curve for each source of a run's mixture. */
  bySource?: boolean;
  height: number;
  format: (value: number) => string;
  fixed?: [number, number];
  logarithmic?: boolean;
  /** What else the readout says about a run at a step. */
  note?: (run: RunCurves, x: number) => string;
  marks?: (low: number, high: number) => number[];
  /** Smallest height of the y axis, as a share of its values, so that a steady curve looks steady. */
  span?: number;
}

/** What all panels of a widget show at one moment. */
export interface Picture {
  runs: RunCurves[];
  hidden: ReadonlySet<string>;
  from: number;
  to: number;
  smoothing: number;
  log: boolean;
  /** Crosshair, null when the newest values are read out. */
  at: number | null;
}

export interface PanelHooks {
  sync: string;
  colours: () => Colours;
  onHover: (x: number | null) => void;
  onZoom: (range: [number, number] | null) => void;
  onPick: (x: number) => void;
}

interface Reading {
  run: RunCurves;
  index: number;
  curve: Curve;
  text: string;
  note: string;
}

export class Panel {
  readonly root: HTMLElement;
  private readonly where = h("span", { class: "rb-tc-where" });
  private readonly values = h("span", { class: "rb-tc-values" });
  private readonly blank = h("div", { class: "rb-tc-blank", hidden: true });
  private readonly area: HTMLElement;
  private plot: Plot;
  private log = false;
  private readKey = "";
  private readings: { root: HTMLElement; value: HTMLElement; note: HTMLElement }[] = [];

  constructor(
    readonly spec: PanelSpec,
    private readonly hooks: PanelHooks,
  ) {
    this.area = h("div", { class: "rb-tc-plot", style: `height:${spec.height}px` }, this.blank);
    this.plot = this.make();
    this.root = h(
      "div",
      { class: "rb-tc-panel" },
      h(
        "div",
        { class: "rb-tc-title" },
        h("span", {}, spec.title),
        this.where,
        h("span", { class: "rb-grow" }),
        this.values,
      ),
      this.area,
    );
  }

  draw(picture: Picture): void {
    const log = picture.log && this.spec.logarithmic === true;
    if (log !== this.log) {
      this.log = log;
      this.plot.destroy();
      this.plot = this.make();
    }
    const columns = this.plot.columns;
    if (columns < 10) return;
    const view: View = { from: picture.from, to: picture.to, columns };
    const strokes: Stroke[] = [];
    const lines: Slot[][] = [];
    picture.runs.forEach((run, index) => {
      if (picture.hidden.has(run.info.id)) return;
      for (const curve of this.curves(run)) this.add(curve, run, index, picture, view, strokes, lines);
    });
    this.plot.draw(view, strokes, lines);
    this.read(picture);
  }

  /** Reads out the values under the crosshair, or the newest ones. */
  read(picture: Picture): void {
    const alone = isAlone(picture);
    const found: Reading[] = [];
    picture.runs.forEach((run, index) => {
      if (picture.hidden.has(run.info.id)) return;
      const x = picture.at ?? run.lastStep;
      for (const curve of this.curves(run)) {
        const text = this.valueText(run, curve, x, picture.smoothing);
        if (text !== null) found.push({ run, index, curve, text, note: alone ? (this.spec.note?.(run, x) ?? "") : "" });
      }
    });
    const key = `${alone}${found.map(({ index, curve }) => `${index}${curve.table}${curve.column}`).join()}`;
    if (key !== this.readKey) {
      this.readKey = key;
      this.readings = found.map((reading) => this.reading(reading, picture.runs.length > 1, alone));
      fill(this.values, ...this.readings.map(({ root }) => root));
    }
    found.forEach(({ text, note }, place) => {
      const shown = this.readings[place];
      if (shown === undefined) return;
      setText(shown.value, text);
      setText(shown.note, note);
    });
    if (this.spec.height > 150) setText(this.where, picture.at === null ? "" : `at step ${picture.at}`);
  }

  /** The elements of one value; only their texts change from frame to frame. */
  private reading({ run, index, curve }: Reading, several: boolean, alone: boolean) {
    const mark = curve.seldom && this.spec.curves.length > 1 ? "rb-tc-mark rb-tc-seldom" : "rb-tc-mark";
    const hint = several ? [run.info.label, curve.label].filter(Boolean).join(" · ") : curve.label;
    const [value, note] = [h("b", {}), h("span", { class: "rb-tc-dim" })];
    const root = h(
      "span",
      { class: "rb-tc-value", title: hint, style: `--run:var(--rb-run-${tint(index, curve, alone) % 6})` },
      h("i", { class: mark, "aria-hidden": "true" }),
      curve.label ? h("span", { class: "rb-tc-dim" }, curve.label) : null,
      value,
      note,
    );
    return { root, value, note };
  }

  /** Says why there is nothing to see, or nothing (""). */
  say(text: string): void {
    this.blank.hidden = text === "";
    setText(this.blank, text);
  }

  point(x: number | null): void {
    this.plot.point(x);
  }

  recolour(): void {
    this.plot.recolour();
  }

  destroy(): void {
    this.plot.destroy();
  }

  private make(): Plot {
    return new Plot(this.area, {
      height: this.spec.height,
      log: this.log,
      label: `${this.spec.title} over steps`,
      format: this.spec.format,
      ...(this.spec.fixed ? { fixed: this.spec.fixed } : {}),
      ...(this.spec.marks ? { marks: this.spec.marks } : {}),
      ...(this.spec.span ? { span: this.spec.span } : {}),
      ...this.hooks,
    });
  }

  private curves(run: RunCurves): Curve[] {
    if (this.spec.bySource !== true) return this.spec.curves;
    const own = run.sources.map(
      (name, i): Curve => ({ table: "source", column: name, label: name, smooth: false, seldom: true, source: i + 1 }),
    );
    return [...this.spec.curves, ...own];
  }

  private add(
    curve: Curve,
    run: RunCurves,
    index: number,
    picture: Picture,
    view: View,
    strokes: Stroke[],
    lines: Slot[][],
  ): void {
    const table = run.table(curve.table, view.from, view.to);
    const raw = table.columns.get(curve.column);
    if (raw === undefined) return;
    if (curve.seldom) {
      const single = this.curves(run).length === 1;
      const dash = single ? {} : { dash: curve.source === undefined ? [5, 3] : [2, 3] };
      strokes.push({ run: tint(index, curve, isAlone(picture)), width: 1.5, alpha: 1, dots: true, ...dash });
      lines.push(sample(table, raw, view));
      return;
    }
    const smooth = curve.smooth && picture.smoothing > 0;
    const crowded = this.spec.height < 150 && picture.runs.length > 1;
    const dense = table.nearest(view.to) - table.nearest(view.from) > 4 * view.columns;
    if (!smooth || !crowded) {
      strokes.push({ run: index, width: smooth ? 1 : 1.5, alpha: smooth ? 0.25 : 1, band: smooth && dense });
      lines.push(sample(table, raw, view));
    }
    if (!smooth) return;
    const line = table.smooth(curve.column, picture.smoothing);
    strokes.push({ run: index, width: 2, alpha: 1 });
    lines.push(dense ? trace(table, line, view) : sample(table, line, view));
  }

  private valueText(run: RunCurves, curve: Curve, x: number, weight: number): string | null {
    const table = run.table(curve.table, x, x);
    const found = valueAt(table, curve.column, x);
    if (found === null) return null;
    const smooth =
      curve.smooth && weight > 0 ? table.smooth(curve.column, weight).values[table.nearest(found.x)] : undefined;
    return this.spec.format(smooth ?? found.value);
  }
}

/** Whether one run alone is drawn. */
function isAlone(picture: Picture): boolean {
  return picture.runs.length - picture.hidden.size === 1;
}

/** A run's colour; its sources have those of other runs while none of these is drawn. */
function tint(index: number, curve: Curve, alone: boolean): number {
  return index + (alone ? (curve.source ?? 0) : 0);
}
