import assert from "node:assert/strict";
import { test } from "node:test";
import { limits, niceEnd, sample, slots, trace } from "./grid.ts";
import { Table } from "./table.ts";

function tableOf(xs: number[], ys: number[]): Table {
  const table = new Table();
  table.append(xs, new Map([["y", ys]]));
  return table;
}

test("few points stand each in their own slot", () => {
  const table = tableOf([0, 5, 10], [3, 1, 2]);
  const view = { from: 0, to: 10, columns: 10 };
  const line = sample(table, table.column("y"), view);
  const xs = slots(view);
  assert.equal(line.length, xs.length);
  const drawn = line.flatMap((value, i) => (value === null ? [] : [[Math.round(xs[i] as number), value]]));
  assert.deepEqual(drawn.slice(0, 2), [
    [0, 3],
    [5, 1],
  ]);
  assert.equal(drawn[2]?.[1], 2, "a point on the right edge is drawn");
});

test("a single spike among a million points is drawn at its full height", () => {
  const count = 1_000_000;
  const ys = new Array(count).fill(1);
  ys[654_321] = 99;
  ys[123_456] = -7;
  const table = tableOf(
    Array.from({ length: count }, (_, i) => i),
    ys,
  );
  const view = { from: 0, to: count - 1, columns: 600 };
  const line = sample(table, table.column("y"), view);
  assert.equal(Math.max(...line.map((v) => v ?? 0)), 99);
  assert.equal(Math.min(...line.map((v) => v ?? 0)), -7);
  const spike = line.indexOf(99);
  assert.ok(Math.abs((slots(view)[spike] as number) - 654_321) <= count / 600);
});

test("every drawn value lies in its column's extent, for many views", () => {
  const xs: number[] = [];
  const ys: number[] = [];
  for (let i = 0; i < 5000; i++) {
    xs.push(i * 3 + (i % 2));
    ys.push(Math.sin(i / 50) + (i % 7) / 10);
  }
  const table = tableOf(xs, ys);
  for (const [from, to, columns] of [
    [0, 15_000, 700],
    [100, 9_000, 333],
    [7_000, 7_100, 500],
    [14_000, 20_000, 64],
  ]) {
    const view = { from: from as number, to: to as number, columns: columns as number };
    const line = sample(table, table.column("y"), view);
    const inside = ys.filter((_, i) => (xs[i] as number) >= view.from && (xs[i] as number) <= view.to);
    const drawn = line.slice(1, -1).filter((v): v is number => v !== null);
    assert.ok(Math.abs(Math.max(...drawn) - Math.max(...inside)) < 1e-6);
    assert.ok(Math.abs(Math.min(...drawn) - Math.min(...inside)) < 1e-6);
  }
});

test("a zoom between two points still shows the line that joins them", () => {
  const table = tableOf([0, 100], [0, 10]);
  const line = sample(table, table.column("y"), { from: 40, to: 60, columns: 10 });
  assert.deepEqual([line[0], line.at(-1)], [4, 6]);
});

test("a trace has the newest value of every column and reaches both edges", () => {
  const count = 10_000;
  const table = tableOf(
    Array.from({ length: count }, (_, i) => i),
    Array.from({ length: count }, (_, i) => i / 10),
  );
  const line = trace(table, table.column("y"), { from: 0, to: count - 1, columns: 100 });
  const drawn = line.filter((value): value is number => value !== null);
  assert.equal(drawn.length, 101, "one a column and the right edge");
  assert.deepEqual(
    drawn,
    [...drawn].sort((a, b) => a - b),
  );
  assert.ok(Math.abs((drawn.at(-1) as number) - (count - 1) / 10) < 1e-3, "the newest point is there");
  const middle = trace(table, table.column("y"), { from: 100.5, to: 200.5, columns: 10 });
  assert.ok(middle[0] !== null && middle.at(-1) !== null);
});

test("NaN leaves a gap and an empty view stays empty", () => {
  const table = tableOf([1, 2, 3], [1, Number.NaN, 3]);
  const line = sample(table, table.column("y"), { from: 0, to: 4, columns: 4 });
  assert.deepEqual(
    line.filter((v) => v !== null),
    [1, 3],
  );
  assert.ok(sample(table, table.column("y"), { from: 4, to: 4, columns: 10 }).every((v) => v === null));
});

test("drawing costs pixels, not points", () => {
  const cost = (count: number) => {
    const table = tableOf(
      Array.from({ length: count }, (_, i) => i),
      new Array(count).fill(1),
    );
    const times: number[] = [];
    for (let round = 0; round < 60; round++) {
      const start = performance.now();
      sample(table, table.column("y"), { from: 0, to: count, columns: 700 });
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[30] as number;
  };
  const small = cost(20_000);
  const large = cost(1_000_000);
  assert.ok(large < 6 * small + 0.2, `${small} ms against ${large} ms`);
});

test("niceEnd is round, past the last step, and never past the total", () => {
  assert.equal(niceEnd(0, 400), 400);
  assert.equal(niceEnd(0, null), 1);
  assert.equal(niceEnd(399, 400), 400);
  for (const last of [3, 17, 99, 640, 7001, 123_456]) {
    const end = niceEnd(last, null);
    assert.ok(end >= last && end <= last * 1.4 + 1, `${last} ${end}`);
    assert.ok(niceEnd(last, last + 1) <= last + 1);
  }
});

test("limits never touch zero on a log axis and never fall below it without need", () => {
  assert.deepEqual(limits(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, false), [0, 1]);
  assert.ok(limits(0, 5, true)[0] > 0);
  assert.ok(limits(-1, -1, true)[0] > 0);
  assert.ok(limits(0.01, 5, false)[0] >= 0);
  assert.ok(limits(-1, 5, false)[0] < -1);
  const [low, high] = limits(2, 2, false);
  assert.ok(low < 2 && high > 2);
});
