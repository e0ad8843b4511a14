import assert from "node:assert/strict";
import { test } from "node:test";
import { reveal, scrollHeight, TALLEST, toOffset, toScroll, visible } from "./list_window.ts";

const short = { total: 100, row: 40, view: 400 };
const long = { total: 1_000_000, row: 44, view: 500 };

test("a short list scrolls pixel by pixel", () => {
  assert.equal(scrollHeight(short), 4000);
  for (const top of [0, 1, 1234, 3600]) assert.equal(toOffset(short, top), top);
});

test("a long list is capped, and both ends can be reached", () => {
  assert.equal(scrollHeight(long), TALLEST);
  assert.equal(toOffset(long, 0), 0);
  const end = toOffset(long, TALLEST - long.view);
  assert.equal(end, long.total * long.row - long.view);
  assert.deepEqual(visible(long, end), { first: 999_988, count: 12 });
});

test("scroll and offset are each other's inverse", () => {
  for (const offset of [0, 17, 5_000_000, 43_999_500])
    assert.ok(Math.abs(toOffset(long, toScroll(long, offset)) - offset) < 1e-3);
});

test("visible rows cover the view and stay inside the list", () => {
  assert.deepEqual(visible(short, 0), { first: 0, count: 10 });
  assert.deepEqual(visible(short, 20), { first: 0, count: 11 });
  assert.deepEqual(visible({ ...short, total: 3 }, 0), { first: 0, count: 3 });
  assert.deepEqual(visible({ ...short, total: 0 }, 0), { first: 0, count: 0 });
});

test("reveal moves no further than it must", () => {
  assert.equal(reveal(short, 0, 3), 0);
  assert.equal(reveal(short, 0, 9), 40);
  assert.equal(reveal(short, 2000, 10), 360);
  assert.equal(reveal(short, 0, 99), 3600);
  assert.equal(reveal(short, 2000, 0), 0);
});
