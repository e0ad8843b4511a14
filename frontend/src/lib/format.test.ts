import assert from "node:assert/strict";
import { test } from "node:test";
import { compact, duration, money, percent } from "./format.ts";

test("compact keeps three digits and never says 1000k", () => {
  assert.equal(compact(0), "0");
  assert.equal(compact(950), "950");
  assert.equal(compact(999.6), "1k");
  assert.equal(compact(12_345), "12.3k");
  assert.equal(compact(999_499), "999k");
  assert.equal(compact(999_500), "1M");
  assert.equal(compact(4_200_000), "4.2M");
  assert.equal(compact(-1500), "-1.5k");
  assert.equal(compact(Number.NaN), "–");
});

test("duration grows from seconds to hours", () => {
  assert.equal(duration(7.6), "8 s");
  assert.equal(duration(59.7), "1:00");
  assert.equal(duration(187), "3:07");
  assert.equal(duration(3723), "1:02:03");
  assert.equal(duration(-1), "–");
  assert.equal(duration(Number.POSITIVE_INFINITY), "–");
});

test("percent and money", () => {
  assert.equal(percent(0.12345), "12.3 %");
  assert.equal(percent(1), "100 %");
  assert.equal(money(0.0042), "$0.0042");
  assert.equal(money(3.1), "$3.10");
  assert.equal(money(0), "$0");
});
