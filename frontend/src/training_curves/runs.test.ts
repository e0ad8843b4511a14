import assert from "node:assert/strict";
import { test } from "node:test";
import { RunCurves, type RunInfo, type RunPart, valueAt } from "./runs.ts";

const info = (over: Partial<RunInfo> = {}): RunInfo => ({
  id: "r1",
  label: "run",
  status: "RUNNING",
  waits: "",
  step: 0,
  total: 100,
  epoch: 0,
  seconds: 10,
  eta: 20,
  error: "",
  fix: "",
  samples: [],
  alarms: 0,
  notes: 0,
  alarm: "",
  note: "",
  verbs: [],
  ...over,
});

/** Buffers as a message brings them: views into a larger buffer that starts at an odd place. */
function views(...arrays: (Float64Array | Float32Array)[]): DataView[] {
  return arrays.map((array) => {
    const holder = new Uint8Array(array.byteLength + 3);
    holder.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), 3);
    return new DataView(holder.buffer, 3, array.byteLength);
  });
}

function steps(start: number, xs: number[], losses: number[], stride?: number): [RunPart, DataView[]] {
  const part: RunPart = {
    info: info({ step: xs.at(-1) ?? 0 }),
    tables: [
      {
        name: "step",
        start,
        count: stride === undefined ? xs.length : xs.length * stride,
        columns: ["loss"],
        ...(stride ? { stride } : {}),
      },
    ],
  };
  return [part, views(Float64Array.from(xs), Float32Array.from(losses))];
}

const drawn = (run: RunCurves) => {
  const { step } = run.tables;
  return [...step.x.subarray(0, step.length)].map((x, i) => [x, step.column("loss").values[i]]);
};

test("a snapshot and the messages after it make one history", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [1, 2, 3], [9, 8, 7]));
  assert.equal(run.follow(...steps(3, [4, 5], [6, 5])), true);
  assert.deepEqual(drawn(run), [
    [1, 9],
    [2, 8],
    [3, 7],
    [4, 6],
    [5, 5],
  ]);
  assert.equal(run.lastStep, 5);
});

test("points that came twice change nothing", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [1, 2, 3, 4], [9, 8, 7, 6]));
  assert.equal(run.follow(...steps(2, [3, 4, 5], [7, 6, 5])), true);
  assert.deepEqual(drawn(run), [
    [1, 9],
    [2, 8],
    [3, 7],
    [4, 6],
    [5, 5],
  ]);
});

test("a hole asks for a snapshot and draws nothing wrong meanwhile", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [1, 2], [9, 8]));
  assert.equal(run.follow(...steps(5, [6], [4])), false);
  assert.deepEqual(drawn(run), [
    [1, 9],
    [2, 8],
  ]);
});

test("a resumed run rewrites its tail and goes on", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [1, 2, 3, 4], [9, 8, 7, 6]));
  assert.equal(run.follow(...steps(2, [3], [70])), true);
  assert.equal(run.follow(...steps(3, [4], [60])), true);
  assert.deepEqual(drawn(run), [
    [1, 9],
    [2, 8],
    [3, 70],
    [4, 60],
  ]);
});

test("a thinned snapshot asks for detail only where it is coarse, and follows on from its count", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [0, 100, 200, 300], [9, 8, 7, 6], 100));
  assert.equal(run.coarse(50, 120), true);
  assert.equal(run.coarse(301, 400), false);
  assert.equal(run.follow(...steps(400, [301], [5])), true, "400 points stand behind the four");
  const part = { name: "step", start: 0, count: 3, columns: ["loss"] } as const;
  run.refine(50, 120, { ...part, columns: ["loss"] }, views(Float64Array.of(50, 51, 52), Float32Array.of(1, 2, 3)));
  assert.equal(run.coarse(60, 110), false);
  assert.equal(run.table("step", 60, 110).length, 3);
  assert.equal(run.table("step", 0, 300).length, 5);
});

test("the clock runs on between messages only while the run does", () => {
  const run = new RunCurves(info());
  run.told = 1000;
  assert.equal(run.seconds(3000), 12);
  assert.equal(run.eta(3000), 18);
  run.info = info({ status: "PAUSED" });
  assert.equal(run.seconds(3000), 10);
  assert.equal(run.eta(3000), null);
});

test("valueAt takes the nearest point that has the value", () => {
  const run = new RunCurves(info());
  run.reset(...steps(0, [1, 2, 3], [9, Number.NaN, 7]));
  assert.deepEqual(valueAt(run.tables.step, "loss", 1.9)?.x, 1);
  assert.equal(valueAt(run.tables.step, "nothing", 1), null);
});
