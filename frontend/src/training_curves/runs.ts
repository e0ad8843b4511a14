// What the page knows of each run: a few facts and three tables of points, taken in from Python's messages.
import type { TableName } from "../lib/events.gen.ts";
import { Table } from "../lib/plot/table.ts";

export interface RunInfo {
  id: string;
  label: string;
  status: string;
  /** For which run it waits and its place in the line; empty where it does not. */
  waits: string;
  step: number;
  total: number | null;
  epoch: number | null;
  /** Seconds of work so far, and seconds still to go where that is known. */
  seconds: number;
  eta: number | null;
  error: string;
  fix: string;
  /** Steps at which sample generations were made. */
  samples: number[];
  alarms: number;
  notes: number;
  alarm: string;
  note: string;
  /** Verbs that the run takes now. */
  verbs: string[];
}

export interface TablePart {
  name: TableName;
  /** Index of the first point in the run's whole history. */
  start: number;
  count: number;
  columns: string[];
  /** Points that each of these stands for; above 1 in the snapshot of a long history. */
  stride?: number;
}

export interface RunPart {
  info: RunInfo;
  tables: TablePart[];
}

/** The next table's points: x as float64, then its columns one after another as float32. */
export function readPart(part: TablePart, buffers: DataView[]): [Float64Array, Map<string, Float32Array>] {
  const xs = floats(Float64Array, buffers.shift());
  const matrix = floats(Float32Array, buffers.shift());
  const columns = part.columns.map((name, index): [string, Float32Array] => [
    name,
    matrix.subarray(index * xs.length, (index + 1) * xs.length),
  ]);
  return [xs, new Map(columns)];
}

/** A typed array over a copy: a message's buffer need not begin where eight-byte numbers may. */
function floats<T>(kind: { new (buffer: ArrayBuffer): T; BYTES_PER_ELEMENT: number }, view: DataView | undefined): T {
  const bytes = view === undefined ? new Uint8Array(0) : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new kind(bytes.slice().buffer as ArrayBuffer);
}

export class RunCurves {
  readonly tables: Record<TableName, Table> = {
    step: new Table(),
    eval: new Table(),
    health: new Table(),
    source: new Table(),
  };
  info: RunInfo;
  /** Milliseconds (page clock) at which `info` came. */
  told = 0;
  private counts: Record<TableName, number> = { step: 0, eval: 0, health: 0, source: 0 };
  private detail: { from: number; to: number; table: Table } | null = null;

  constructor(info: RunInfo) {
    this.info = info;
  }

  /** Starts anew from a snapshot. */
  reset(part: RunPart, buffers: DataView[]): void {
    this.info = part.info;
    this.detail = null;
    for (const table of Object.values(this.tables)) table.clear();
    for (const piece of part.tables) {
      const table = this.tables[piece.name];
      const [xs, values] = readPart(piece, buffers);
      table.append(xs, values);
      if (piece.stride !== undefined && piece.stride > 1) {
        table.thinned = xs.length;
        table.stride = piece.stride;
      }
      this.counts[piece.name] = piece.start + piece.count;
    }
  }

  /** Takes in what is new; false when something is missing in between, so that a snapshot is needed. */
  follow(part: RunPart, buffers: DataView[]): boolean {
    this.info = part.info;
    let whole = true;
    for (const piece of part.tables) {
      const [xs, values] = readPart(piece, buffers);
      if (piece.start > this.counts[piece.name]) {
        whole = false;
        continue;
      }
      // Points that are known already are cut off and written again, which changes nothing.
      this.tables[piece.name].append(xs, values);
      this.counts[piece.name] = piece.start + piece.count;
      if (piece.name === "step" && this.detail !== null) this.detail.table.append(xs, values);
    }
    return whole;
  }

  /** Whether a view of [from, to] would show thinned points although finer ones are in Python. */
  coarse(from: number, to: number): boolean {
    const { step } = this.tables;
    if (step.thinned === 0 || from > (step.x[step.thinned - 1] as number)) return false;
    return !(this.detail !== null && this.detail.from <= from && to <= this.detail.to);
  }

  /** Finer points of a range, as Python sent them. */
  refine(from: number, to: number, part: TablePart, buffers: DataView[]): void {
    const table = new Table();
    const [xs, values] = readPart(part, buffers);
    table.append(xs, values);
    table.thinned = (part.stride ?? 1) > 1 ? xs.length : 0;
    table.stride = part.stride ?? 1;
    this.detail = { from, to, table };
  }

  /** The table to draw a range from. */
  table(name: TableName, from: number, to: number): Table {
    const { detail } = this;
    if (name === "step" && detail !== null && detail.from <= from && to <= detail.to) return detail.table;
    return this.tables[name];
  }

  /** The sources of the run's mixture; none where its rows are of one frame. */
  get sources(): string[] {
    return [...this.tables.source.columns.keys()];
  }

  /** Points of training that the run has logged. */
  get points(): number {
    return this.counts.step;
  }

  get lastStep(): number {
    const { step, eval: evals } = this.tables;
    const last = (table: Table) => (table.length === 0 ? 0 : (table.x[table.length - 1] as number));
    return Math.max(last(step), last(evals), this.info.step);
  }

  /** Seconds of work by now; the clock goes on between messages while the run does. */
  seconds(now: number): number {
    return this.info.seconds + (this.info.status === "RUNNING" ? (now - this.told) / 1000 : 0);
  }

  /** Seconds to go by now. */
  eta(now: number): number | null {
    if (this.info.eta === null || this.info.status !== "RUNNING") return null;
    return Math.max(0, this.info.eta - (now - this.told) / 1000);
  }
}

/** A column's value at the point nearest to x, with its x; null where there is none. */
export function valueAt(table: Table, name: string, x: number): { x: number; value: number } | null {
  const column = table.columns.get(name);
  const index = table.nearest(x);
  if (column === undefined || index < 0) return null;
  // A point may lack this value: the nearest one that has it, within a short walk.
  for (let reach = 0; reach <= 64; reach++) {
    for (const at of reach === 0 ? [index] : [index - reach, index + reach]) {
      const value = column.values[at];
      if (at >= 0 && at < table.length && value !== undefined && Number.isFinite(value)) {
        return { x: table.x[at] as number, value };
      }
    }
  }
  return null;
}
