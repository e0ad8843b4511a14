import assert from "node:assert/strict";
import { test } from "node:test";
import { RowCache } from "./row_cache.ts";
import type { Full, Summary } from "./types.ts";

const short = (position: number): Summary => ({
  position,
  request: `request ${position}`,
  response: "r",
  verdict: null,
  rating: null,
  status: "ok",
  edited: false,
  flags: [],
  note: null,
  tags: [],
  later: false,
  conflict: false,
});
const full = (position: number, place: number): Full & { place: number } => ({
  ...short(position),
  place,
  key: `k${position}`,
  messages: [],
  findings: [],
  turns: [],
  reasoning: [],
  fields: [],
  teacher: [],
  full_response: "r",
  data_response: "r",
  response_calls: [],
  audits: [],
  versions: [],
  error: null,
  problem: "",
});

function filled(): RowCache {
  const cache = new RowCache();
  cache.setWindow({ list: 0, start: 10, rows: [short(7), short(3)] });
  cache.setRows([full(3, 11)]);
  return cache;
}

test("a place tells its row, and a position its place", () => {
  const cache = filled();
  assert.equal(cache.summary(10)?.position, 7);
  assert.equal(cache.rowAt(11)?.key, "k3");
  assert.equal(cache.rowAt(10), undefined);
  assert.equal(cache.placeOf(3, 10), 11);
  assert.equal(cache.placeOf(99, 10), undefined);
});

test("a row is lacking while it is missing or outdated, and shown meanwhile", () => {
  const cache = filled();
  assert.deepEqual([cache.lacks(10), cache.lacks(11), cache.lacks(12)], [true, false, true]);
  cache.outdateAll();
  assert.equal(cache.lacks(11), true);
  assert.equal(cache.rowAt(11)?.key, "k3");
  cache.setRow(full(3, 11));
  assert.equal(cache.lacks(11), false);
});

test("another list keeps the full rows, and the one place that is read", () => {
  const cache = filled();
  cache.forgetList(11);
  assert.equal(cache.summary(10), undefined);
  assert.equal(cache.rowAt(11)?.key, "k3");
  cache.forget(3, cache.placeOf(3, 11));
  assert.equal(cache.row(3), undefined);
  assert.equal(cache.summary(11), undefined);
});

test("a long reading does not fill the memory", () => {
  const cache = new RowCache();
  for (let start = 0; start < 20_000; start += 100) {
    cache.setWindow({ list: 0, start, rows: Array.from({ length: 100 }, (_, i) => short(start + i)) });
    cache.setRows(Array.from({ length: 10 }, (_, i) => full(start + i, start + i)));
  }
  const places = Array.from({ length: 20_000 }, (_, place) => place);
  assert.ok(places.filter((place) => cache.summary(place) !== undefined).length <= 6200);
  assert.ok(places.filter((position) => cache.row(position) !== undefined).length <= 220);
  assert.equal(cache.rowAt(19_900)?.key, "k19900");
});
