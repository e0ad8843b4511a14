// One chart: uPlot with our grid of slots, a crosshair shared by all charts of a widget, drag to zoom, click to pick.
import uPlot from "uplot";
import { limits, type Slot, slots, type View } from "./grid.ts";
import { logMarks } from "./ticks.ts";

export interface Colours {
  text: string;
  muted: string;
  line: string;
  surface: string;
  /** One colour per run; the first is the theme's accent. */
  runs: string[];
}

export interface Stroke {
  run: number;
  width: number;
  alpha: number;
  dash?: number[];
  dots?: boolean;
  /** Columns from smallest to largest value instead of a line: a dense curve's spread, at a tenth of the cost. */
  band?: boolean;
}

export interface PlotOptions {
  height: number;
  log: boolean;
  /** Charts with the same key share the crosshair. */
  sync: string;
  label: string;
  format: (value: number) => string;
  colours: () => Colours;
  /** Fixed limits of y, such as [0, 1] for shares. */
  fixed?: [number, number];
  /** Marks of the y axis, where the usual ones are not round in its unit. */
  marks?: (low: number, high: number) => number[];
  /** Smallest height of the y axis as a share of its values. */
  span?: number;
  onHover: (x: number | null) => void;
  onZoom: (range: [number, number] | null) => void;
  onPick: (x: number) => void;
}

const AXIS_WIDTH = 50;
const RIGHT = 18; // half of the last mark's text

export class Plot {
  private chart: uPlot | null = null;
  private strokes: Stroke[] = [];
  private view: View = { from: 0, to: 1, columns: 1 };
  private yLimits: [number, number] = [0, 1];
  private drawnKey = "";
  private empty = true; // then the axes carry no numbers, which would be made up

  constructor(
    private readonly host: HTMLElement,
    private readonly options: PlotOptions,
  ) {}

  /** Pixel columns that the plotting area has now; 0 while it is not laid out. */
  get columns(): number {
    return Math.max(0, Math.round(this.host.clientWidth) - AXIS_WIDTH - RIGHT);
  }

  /** Pixels from the host's left edge to an x, null outside the view. */
  xToPixel(x: number): number | null {
    const { from, to } = this.view;
    if (this.chart === null || x < from || x > to) return null;
    return AXIS_WIDTH + this.chart.valToPos(x, "x");
  }

  draw(view: View, strokes: Stroke[], lines: Slot[][]): void {
    this.view = view;
    const key = JSON.stringify([strokes, this.options.log]);
    if (this.chart === null || key !== this.drawnKey) {
      this.strokes = strokes;
      this.drawnKey = key;
      this.rebuild();
    }
    const chart = this.chart as uPlot;
    const width = this.host.clientWidth;
    if (width > 0 && chart.width !== width) chart.setSize({ width, height: this.options.height });
    this.empty = lines.every((line) => line.every((value) => value === null));
    this.yLimits = this.options.fixed ?? limitsOf(lines, this.options.log, this.options.span ?? 0);
    chart.setData([slots(view), ...lines] as uPlot.AlignedData, true);
  }

  /** Draws again in the theme's new colours. */
  recolour(): void {
    this.chart?.redraw(false);
  }

  /** Puts the crosshair on an x without a pointer. */
  point(x: number | null): void {
    if (this.chart === null) return;
    this.chart.setCursor({ left: x === null ? -10 : this.chart.valToPos(x, "x"), top: 4 }, false);
  }

  destroy(): void {
    this.chart?.destroy();
    this.chart = null;
  }

  private rebuild(): void {
    this.destroy();
    const { options } = this;
    const axis = {
      stroke: () => options.colours().muted,
      grid: { stroke: () => (this.empty ? "transparent" : options.colours().line), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    const whole = () => {
      options.onZoom(null);
      return null; // as uPlot wants it
    };
    const chart = new uPlot(
      {
        width: Math.max(50, this.host.clientWidth),
        height: options.height,
        padding: [6, RIGHT, 0, 0],
        legend: { show: false },
        scales: {
          x: { time: false, range: () => [this.view.from, this.view.to] },
          y: { distr: options.log ? 3 : 1, range: () => this.yLimits },
        },
        axes: [
          {
            ...axis,
            size: 24,
            gap: 4,
            grid: { show: false },
            values: (_, marks) => marks.map((mark) => (this.empty ? "" : wholeStep(mark))),
          },
          {
            ...axis,
            size: AXIS_WIDTH,
            gap: 4,
            space: 28,
            values: (_, marks) => marks.map((mark) => (mark === null || this.empty ? "" : options.format(mark))),
            ...(options.marks && !options.log ? { splits: () => options.marks?.(...this.yLimits) ?? [] } : {}),
            ...(options.log
              ? { splits: () => logMarks(...this.yLimits), filter: (_: uPlot, marks: number[]) => marks }
              : {}),
          },
        ],
        series: [{}, ...this.strokes.map((stroke) => this.series(stroke))],
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false, dist: 4 },
          sync: {
            key: options.sync,
            scales: ["x", null],
            setSeries: false,
            filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
          },
          points: { show: false },
          bind: { dblclick: () => whole },
        },
        hooks: {
          drawSeries: [(plot, index) => this.strokes[index - 1]?.band && this.drawBand(plot, index)],
          setCursor: [(plot) => options.onHover(cursorX(plot))],
          setSelect: [(plot) => this.selected(plot)],
        },
      },
      [[0], ...this.strokes.map(() => [null])] as unknown as uPlot.AlignedData,
      this.host,
    );
    chart.over.addEventListener("click", () => {
      const x = cursorX(chart);
      if (x !== null) options.onPick(x);
    });
    chart.root.setAttribute("role", "img");
    chart.root.setAttribute("aria-label", options.label);
    this.chart = chart;
  }

  private series(stroke: Stroke): uPlot.Series {
    const colour = () => {
      const { runs } = this.options.colours();
      return runs[stroke.run % runs.length] as string;
    };
    return {
      stroke: colour,
      width: stroke.width,
      alpha: stroke.alpha,
      spanGaps: true,
      ...(stroke.band ? { paths: () => null } : {}),
      ...(stroke.dash ? { dash: stroke.dash } : {}),
      points: stroke.dots
        ? { show: true, size: 5, width: 1.5, stroke: colour, fill: () => this.options.colours().surface, filter: drawn }
        : { show: false },
    };
  }

  private drawBand(plot: uPlot, index: number): void {
    const stroke = this.strokes[index - 1] as Stroke;
    const values = plot.data[index] as Slot[];
    const { ctx, bbox } = plot;
    const width = bbox.width / this.view.columns;
    const { runs } = this.options.colours();
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.globalAlpha = stroke.alpha;
    ctx.fillStyle = runs[stroke.run % runs.length] as string;
    for (let column = 0; column < this.view.columns; column++) {
      const [a, b] = [values[2 * column + 1] ?? null, values[2 * column + 2] ?? null];
      const low = a === null ? b : b === null ? a : Math.min(a, b);
      const high = a === null ? b : b === null ? a : Math.max(a, b);
      if (low === null || high === null || (this.options.log && high <= 0)) continue;
      const top = Math.round(plot.valToPos(high, "y", true));
      const bottom = low <= 0 && this.options.log ? bbox.top + bbox.height : Math.round(plot.valToPos(low, "y", true));
      const left = Math.round(bbox.left + column * width);
      ctx.fillRect(
        left,
        top,
        Math.max(1, Math.round(bbox.left + (column + 1) * width) - left),
        Math.max(1, bottom - top),
      );
    }
    ctx.restore();
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const range: [number, number] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.onZoom(range);
  }
}

function cursorX(plot: uPlot): number | null {
  const left = plot.cursor.left ?? -1;
  return left < 0 ? null : plot.posToVal(left, "x");
}

/** The slots that hold a point; the two at the edges hold only where a line leaves the view. */
function drawn(plot: uPlot, index: number): number[] {
  const values = plot.data[index] as Slot[];
  const indices: number[] = [];
  for (let i = 1; i < values.length - 1; i++) if (values[i] !== null) indices.push(i);
  return indices.length <= 120 ? indices : [];
}

function limitsOf(lines: Slot[][], log: boolean, span: number): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const line of lines) {
    for (const value of line) {
      if (value === null || (log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const missing = span * Math.abs(high) - (high - low);
  if (missing > 0 && low <= high) [low, high] = [low - missing / 2, high + missing / 2];
  return limits(low, high, log);
}

const wholeStep = (mark: number | null): string =>
  mark === null || !Number.isInteger(mark) ? "" : mark.toLocaleString("en-US").replaceAll(",", "\u202f");
