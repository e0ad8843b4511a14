import assert from "node:assert/strict";
import { test } from "node:test";
import { Column, lowerBound, Smooth, Table } from "./table.ts";

/** A small repeatable generator, so that a failing case can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function plainExtent(values: ArrayLike<number>, from: number, to: number): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = from; i < to; i++) {
    if ((values[i] as number) < low) low = values[i] as number;
    if ((values[i] as number) > high) high = values[i] as number;
  }
  return [low, high];
}

test("the extent of any range is that of a plain scan, NaN left out", () => {
  const next = random(7);
  const column = new Column();
  while (column.length < 5000) {
    const batch = Float32Array.from({ length: 1 + Math.floor(next() * 70) }, () =>
      next() < 0.1 ? Number.NaN : next() * 10 - 5,
    );
    column.append(batch);
    for (let i = 0; i < 5; i++) {
      const a = Math.floor(next() * (column.length + 1));
      const b = Math.floor(next() * (column.length + 1));
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      assert.deepEqual(column.extent(from, to), plainExtent(column.values, from, to), `${from} ${to}`);
    }
  }
});

test("the extent holds after a cut and new values", () => {
  const column = new Column();
  column.append(Float32Array.from({ length: 1000 }, (_, i) => i));
  column.truncate(130);
  column.append(Float32Array.from({ length: 500 }, () => -1));
  assert.deepEqual(column.extent(0, 630), [-1, 129]);
  assert.deepEqual(column.extent(128, 630), [-1, 129]);
  assert.deepEqual(column.extent(131, 630), [-1, -1]);
});

test("lowerBound is the first index not below the value", () => {
  const xs = [1, 3, 3, 7];
  assert.deepEqual(
    [0, 1, 2, 3, 4, 7, 8].map((value) => lowerBound(xs, 4, value)),
    [0, 0, 1, 1, 3, 3, 4],
  );
});

test("smoothing follows the source and equals the formula", () => {
  const source = new Column();
  source.append([4, 2]);
  const smooth = new Smooth(source, 0.5);
  source.append([Number.NaN, 8]);
  smooth.follow();
  assert.equal(smooth.values[0], 4, "the first value is itself, not half of it");
  assert.ok(Math.abs((smooth.values[1] as number) - (0.25 * 4 + 0.5 * 2) / 0.75) < 1e-6);
  assert.ok(Number.isNaN(smooth.values[2]));
  assert.ok(Math.abs((smooth.values[3] as number) - (0.125 * 4 + 0.25 * 2 + 0.5 * 8) / 0.875) < 1e-6);
});

test("smoothing piecewise equals smoothing at once", () => {
  const next = random(3);
  const values = Float32Array.from({ length: 999 }, next);
  const whole = new Column();
  whole.append(values);
  const atOnce = new Smooth(whole, 0.9);
  const grown = new Column();
  const piecewise = new Smooth(grown, 0.9);
  for (let i = 0; i < 999; i += 37) {
    grown.append(values.subarray(i, i + 37));
    piecewise.follow();
  }
  assert.deepEqual(piecewise.values.subarray(0, 999), atOnce.values.subarray(0, 999));
});

test("a column that appears late, or misses a batch, holds NaN there", () => {
  const table = new Table();
  table.append([1, 2], new Map([["loss", [5, 4]]]));
  table.append([3], new Map([["memory", [9]]]));
  assert.equal(table.column("loss").length, 3);
  assert.ok(Number.isNaN(table.column("loss").values[2]));
  assert.deepEqual([...table.column("memory").values.subarray(0, 3)], [Number.NaN, Number.NaN, 9]);
});

test("a run that resumes from an earlier step drops the abandoned tail", () => {
  const table = new Table();
  table.append([1, 2, 3, 4], new Map([["loss", [9, 8, 7, 6]]]));
  const smooth = table.smooth("loss", 0.5);
  table.append([3, 4, 5], new Map([["loss", [70, 60, 50]]]));
  assert.deepEqual([...table.x.subarray(0, table.length)], [1, 2, 3, 4, 5]);
  assert.deepEqual([...table.column("loss").values.subarray(0, 5)], [9, 8, 70, 60, 50]);
  assert.equal(smooth.length, 5);
  assert.ok((smooth.values[4] as number) > 40, "smoothed from the new tail, not the old one");
});

test("nearest finds the closer neighbour and the ends", () => {
  const table = new Table();
  assert.equal(table.nearest(3), -1);
  table.append([10, 20, 40], new Map([["loss", [1, 2, 3]]]));
  assert.deepEqual(
    [0, 14, 16, 29, 31, 99].map((x) => table.nearest(x)),
    [0, 0, 1, 1, 2, 2],
  );
});

test("an append costs the same at 1 000 and at 1 000 000 points", () => {
  const cost = (history: number) => {
    const table = new Table();
    table.append(
      Float64Array.from({ length: history }, (_, i) => i),
      new Map([["y", new Float32Array(history)]]),
    );
    table.smooth("y", 0.9);
    const batch = new Float32Array(10);
    const times: number[] = [];
    for (let round = 0; round < 2000; round++) {
      const xs = Float64Array.from({ length: 10 }, (_, i) => history + 10 * round + i);
      const start = performance.now();
      table.append(xs, new Map([["y", batch]]));
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[1000] as number; // the median leaves a doubling out
  };
  const small = cost(1_000);
  const large = cost(1_000_000);
  assert.ok(large < 8 * small + 0.02, `${small} ms against ${large} ms`);
});
