// Curves on a grid of pixel columns: two slots a column hold its smallest and largest value, in the order in
// which they came, so that a spike is never lost and lines of different runs share one x.
import { type Column, lowerBound, type Table } from "./table.ts";

export type Slot = number | null;

export interface View {
  from: number;
  to: number;
  /** Pixel columns. */
  columns: number;
}

/** x of every slot: one at the left edge, two for each column, one at the right edge. */
export function slots(view: View): number[] {
  const width = (view.to - view.from) / view.columns;
  const xs = [view.from];
  for (let column = 0; column < view.columns; column++) {
    xs.push(view.from + (column + 0.25) * width, view.from + (column + 0.75) * width);
  }
  xs.push(view.to);
  return xs;
}

/** One curve in the slots of a view; null where the grid has no point. */
export function sample(table: Table, column: Column, view: View): Slot[] {
  const { values } = column;
  return onGrid(table, column, view, 1e-6, (out, slot, from, to, middle) => {
    if (to - from === 1) {
      const value = values[from] as number;
      if (Number.isFinite(value)) out[(table.x[from] as number) >= middle ? slot + 1 : slot] = value;
      return;
    }
    const [low, high] = column.extent(from, to);
    if (low > high) return;
    const rising = (values[from] as number) <= (values[to - 1] as number);
    out[slot] = rising ? low : high;
    out[slot + 1] = rising ? high : low;
  });
}

/** One curve with a single value a column, its newest: for smooth curves, which hide no spike. */
export function trace(table: Table, column: Column, view: View): Slot[] {
  return onGrid(table, column, view, 0.25, (out, slot, _from, to) => {
    const value = column.values[to - 1];
    if (value !== undefined && Number.isFinite(value)) out[slot + 1] = value;
  });
}

type Put = (out: Slot[], slot: number, from: number, to: number, middle: number) => void;

/** Puts the points of each pixel column into its two slots; the last column reaches `past` of a column further. */
function onGrid(table: Table, column: Column, view: View, past: number, put: Put): Slot[] {
  const out: Slot[] = new Array(2 * view.columns + 2).fill(null);
  const width = (view.to - view.from) / view.columns;
  if (!(width > 0)) return out;
  const { x, length } = table;
  let from = lowerBound(x, length, view.from);
  out[0] = between(table, column, from, view.from);
  for (let index = 0; index < view.columns && from < length; index++) {
    const last = index === view.columns - 1;
    const edge = last ? view.to + past * width : view.from + (index + 1) * width;
    const to = lowerBoundFrom(x, length, from, edge);
    if (to > from) put(out, 1 + 2 * index, from, to, view.from + (index + 0.5) * width);
    from = to;
  }
  out[out.length - 1] = between(table, column, lowerBound(x, length, view.to), view.to);
  return out;
}

/** The straight line's value at an edge that falls between the points right-1 and right. */
function between(table: Table, column: Column, right: number, at: number): Slot {
  if (right <= 0 || right >= table.length) return null;
  const [x0, x1] = [table.x[right - 1] as number, table.x[right] as number];
  const [y0, y1] = [column.values[right - 1] as number, column.values[right] as number];
  const value = y0 + ((y1 - y0) * (at - x0)) / (x1 - x0);
  return Number.isFinite(value) ? value : null;
}

/** lowerBound from a known start: gallops, so that neighbouring columns cost a few steps each. */
function lowerBoundFrom(xs: Float64Array, length: number, start: number, value: number): number {
  let jump = 1;
  let low = start;
  let high = start;
  while (high < length && (xs[high] as number) < value) {
    low = high + 1;
    high += jump;
    jump *= 2;
  }
  high = Math.min(high, length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((xs[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A round end of the x axis a little past the last step, so that the curve does not crawl at every point. */
export function niceEnd(last: number, total: number | null): number {
  if (!(last > 0)) return total ?? 1;
  const raw = last / 8;
  const power = 10 ** Math.floor(Math.log10(raw));
  const unit = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw) as number;
  const end = Math.ceil((last * 1.0001) / unit) * unit;
  return total !== null && total >= last ? Math.min(end, total) : end;
}

/** Limits of y for what is drawn: padded, and on a log axis never at or below zero. */
export function limits(low: number, high: number, log: boolean): [number, number] {
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) {
    const floor = low > 0 ? low : high > 0 ? high / 1e3 : 0.1;
    const top = Math.max(high, floor);
    const pad = Math.max((top / floor) ** 0.06, 1.05);
    return [floor / pad, top * pad];
  }
  if (low === high) {
    const pad = low === 0 ? 1 : Math.abs(low) * 0.1;
    return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
  }
  const pad = (high - low) * 0.06;
  return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
}
