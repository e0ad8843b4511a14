import assert from "node:assert/strict";
import { test } from "node:test";
import { outOf, shares, statusWords, waits } from "./state.ts";

const none = {
  total: 0,
  done: 0,
  failed: 0,
  cached: 0,
  in_flight: 0,
  rate: null,
  eta: null,
  cost: 0,
  budget: null,
  turns: 0,
  turns_done: 0,
  brake: "",
  elsewhere: 0,
  paused: "",
};
const whole = (s: ReturnType<typeof shares>) => s.cached + s.fresh + s.failed + s.flight;

test("the bar is never longer than itself", () => {
  for (const p of [
    none,
    { ...none, total: 10, done: 10, in_flight: 64 },
    { ...none, total: 10, done: 4, cached: 4, failed: 2, in_flight: 64 },
    { ...none, total: 1000, done: 3, cached: 5 },
  ])
    assert.ok(whole(shares(p)) <= 1 + 1e-9, JSON.stringify(p));
});

test("rows that were paid for before are told apart from fresh ones", () => {
  assert.deepEqual(shares({ ...none, total: 10, done: 6, cached: 4, failed: 1, in_flight: 1 }), {
    cached: 0.4,
    fresh: 0.2,
    failed: 0.1,
    flight: 0.1,
  });
});

test("a job that ended in part says why", () => {
  assert.equal(
    statusWords({ status: "PARTIAL", stopping: false, progress: { ...none, failed: 2 } }),
    "Done, with failures",
  );
  assert.equal(statusWords({ status: "PARTIAL", stopping: false, progress: none }), "Done in part");
  assert.equal(statusWords({ status: "RUNNING", stopping: true, progress: none }), "Stopping");
});

test("rows that another notebook asks are told", () => {
  assert.equal(waits({ elsewhere: 0 }), "");
  assert.equal(waits({ elsewhere: 1 }), "1 row is being asked by another notebook");
  assert.equal(waits({ elsewhere: 1200 }), "1,200 rows are being asked by another notebook");
});

test("a job whose provider is down is paused, until it ends", () => {
  const paused = { ...none, paused: "the provider is down since 14:03:20" };
  assert.equal(statusWords({ status: "RUNNING", stopping: false, progress: paused }), "Paused");
  assert.equal(statusWords({ status: "RUNNING", stopping: true, progress: paused }), "Stopping");
  assert.equal(statusWords({ status: "PARTIAL", stopping: false, progress: none }), "Done in part");
});

test("turns are told where rows have several", () => {
  assert.equal(outOf({ total: 1200, turns: 1200, turns_done: 7 }), "of 1,200");
  assert.equal(outOf({ total: 3, turns: 7, turns_done: 5 }), "of 3 · 5 of 7 turns");
});
