import assert from "node:assert/strict";
import { test } from "node:test";
import { points, verdict } from "./scores.ts";

test("a difference is signed and in points", () => {
  assert.equal(points(0.621), "+62.1");
  assert.equal(points(-0.05), "−5.0");
  assert.equal(points(0), "+0.0");
});

test("an interval that holds zero claims nothing", () => {
  assert.equal(verdict(0.01, 0.2), "better");
  assert.equal(verdict(-0.2, -0.01), "worse");
  assert.equal(verdict(-0.01, 0.2), "no clear difference");
  assert.equal(verdict(0, 0.2), "no clear difference");
  assert.equal(verdict(null, null), "");
});
