// The points of one curve family: a growing x, several value columns, each with a min/max pyramid over it.
// Appending costs the points appended, drawing costs the pixels drawn; neither grows with the history.

const FANOUT = 8;

/** Index of the first of `xs[0..length)` that is at least `value`. */
export function lowerBound(xs: ArrayLike<number>, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((xs[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function grown<T extends Float32Array | Float64Array>(old: T, length: number): T {
  if (length <= old.length) return old;
  const next = new (old.constructor as new (size: number) => T)(Math.max(length, 2 * old.length, 256));
  next.set(old);
  return next;
}

/** Float32 values; NaN where a point has none. */
export class Column {
  length = 0;
  values = new Float32Array(256);
  private mins: Float32Array[] = [];
  private maxs: Float32Array[] = [];

  append(values: ArrayLike<number>): void {
    const from = this.length;
    this.values = grown(this.values, from + values.length);
    for (let i = 0; i < values.length; i++) this.values[from + i] = values[i] as number;
    this.length += values.length;
    this.index(from);
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }

  /** Smallest and largest of [from, to), NaN left out; `[Infinity, -Infinity]` where there is none. */
  extent(from: number, to: number): [number, number] {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let mins: Float32Array = this.values;
    let maxs: Float32Array = this.values;
    for (let level = 0; from < to; level++) {
      const whole = level < this.mins.length;
      while (from < to && (!whole || from % FANOUT !== 0)) {
        if ((mins[from] as number) < low) low = mins[from] as number;
        if ((maxs[from] as number) > high) high = maxs[from] as number;
        from++;
      }
      while (from < to && to % FANOUT !== 0) {
        to--;
        if ((mins[to] as number) < low) low = mins[to] as number;
        if ((maxs[to] as number) > high) high = maxs[to] as number;
      }
      if (!whole) break;
      from /= FANOUT;
      to /= FANOUT;
      mins = this.mins[level] as Float32Array;
      maxs = this.maxs[level] as Float32Array;
    }
    return [low, high];
  }

  /** Recomputes the blocks that hold points from `first` on; only whole blocks are ever asked for. */
  private index(first: number): void {
    let mins: Float32Array = this.values;
    let maxs: Float32Array = this.values;
    let length = this.length;
    for (let level = 0; length >= FANOUT; level++) {
      const blocks = Math.floor(length / FANOUT);
      this.mins[level] = grown(this.mins[level] ?? new Float32Array(64), blocks);
      this.maxs[level] = grown(this.maxs[level] ?? new Float32Array(64), blocks);
      const lows = this.mins[level] as Float32Array;
      const highs = this.maxs[level] as Float32Array;
      first = Math.floor(first / FANOUT);
      for (let block = first; block < blocks; block++) {
        let low = Number.POSITIVE_INFINITY;
        let high = Number.NEGATIVE_INFINITY;
        for (let i = block * FANOUT; i < (block + 1) * FANOUT; i++) {
          if ((mins[i] as number) < low) low = mins[i] as number;
          if ((maxs[i] as number) > high) high = maxs[i] as number;
        }
        lows[block] = low;
        highs[block] = high;
      }
      mins = lows;
      maxs = highs;
      length = blocks;
    }
  }
}

/**
 * Exponential moving average of a column, kept up as the column grows; corrected for its start, so that the
 * first value is not dragged towards zero. Weight 0 repeats the column, 0.99 follows it slowly.
 */
export class Smooth extends Column {
  private sum = 0;
  private mass = 0;

  constructor(
    private readonly source: Column,
    readonly weight: number,
    private readonly pointsAt: (index: number) => number = () => 1,
  ) {
    super();
    this.follow();
  }

  /** Takes in what the source got since; starts again where the source was cut. */
  follow(): void {
    if (this.source.length < this.length) {
      this.length = 0;
      this.sum = 0;
      this.mass = 0;
    }
    const fresh = new Float32Array(this.source.length - this.length);
    for (let i = 0; i < fresh.length; i++) {
      const value = this.source.values[this.length + i] as number;
      if (Number.isFinite(value)) {
        const keep = this.weight ** this.pointsAt(this.length + i);
        this.sum = keep * this.sum + (1 - keep) * value;
        this.mass = keep * this.mass + (1 - keep);
      }
      fresh[i] = Number.isFinite(value) ? this.sum / this.mass : value;
    }
    this.append(fresh);
  }
}

/** A shared, rising x with named columns. */
export class Table {
  length = 0;
  x = new Float64Array(256);
  /** The first `thinned` points stand for `stride` points each (a snapshot of a long history). */
  thinned = 0;
  stride = 1;
  readonly columns = new Map<string, Column>();
  private smooths = new Map<string, Smooth>();

  /** Appends points; where x goes back (a run resumed from a checkpoint) the abandoned tail is dropped. */
  append(xs: ArrayLike<number>, values: ReadonlyMap<string, ArrayLike<number>>): void {
    if (xs.length === 0) return;
    const first = xs[0] as number;
    if (this.length > 0 && first <= (this.x[this.length - 1] as number)) {
      this.truncate(lowerBound(this.x, this.length, first));
    }
    const before = this.length;
    this.x = grown(this.x, before + xs.length);
    for (let i = 0; i < xs.length; i++) this.x[before + i] = xs[i] as number;
    this.length = before + xs.length;
    for (const [name, ys] of values) {
      const column = this.column(name);
      if (column.length < before) column.append(new Float32Array(before - column.length).fill(Number.NaN));
      column.append(ys);
    }
    for (const column of this.columns.values()) {
      if (column.length < this.length) {
        column.append(new Float32Array(this.length - column.length).fill(Number.NaN));
      }
    }
    for (const smooth of this.smooths.values()) smooth.follow();
  }

  clear(): void {
    this.truncate(0);
    this.thinned = 0;
    this.stride = 1;
  }

  column(name: string): Column {
    let column = this.columns.get(name);
    if (column === undefined) {
      column = new Column();
      this.columns.set(name, column);
    }
    return column;
  }

  /** The column smoothed; one weight per column is kept. */
  smooth(name: string, weight: number): Column {
    if (weight <= 0) return this.column(name);
    let smooth = this.smooths.get(name);
    if (smooth === undefined || smooth.weight !== weight) {
      smooth = new Smooth(this.column(name), weight, (i) => (i < this.thinned ? this.stride : 1));
      this.smooths.set(name, smooth);
    }
    return smooth;
  }

  /** Index of the point nearest to x, -1 in an empty table. */
  nearest(x: number): number {
    if (this.length === 0) return -1;
    const right = Math.min(lowerBound(this.x, this.length, x), this.length - 1);
    if (right === 0) return 0;
    return x - (this.x[right - 1] as number) <= (this.x[right] as number) - x ? right - 1 : right;
  }

  private truncate(length: number): void {
    this.length = length;
    this.thinned = Math.min(this.thinned, length);
    for (const column of this.columns.values()) column.truncate(length);
    for (const smooth of this.smooths.values()) smooth.follow();
  }
}
