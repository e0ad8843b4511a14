import assert from "node:assert/strict";
import { test } from "node:test";
import { knownAt } from "./audit_strip.ts";
import type { Audited } from "./types.ts";

const audit: Audited = {
  checker: "a",
  verdict: "earns its place",
  fields: ["Intent", "Amount"],
  answers: {},
  right: { without: false, "1": false, with: true },
  nats: {},
  known: 2,
  derived: 2,
  leaks: false,
};

test("the strip goes from the request over each field to all of them", () => {
  assert.deepEqual(knownAt(audit), [0, 0, 1]);
  assert.deepEqual(knownAt({ ...audit, right: { without: true, with: true } }), [1, null, 1]);
});

test("a student's nats are how likely its answer is", () => {
  assert.deepEqual(
    knownAt({ ...audit, right: {}, nats: { without: Math.log(4), "1": Math.log(2), with: 0 } }),
    [0.25, 0.5, 1],
  );
});
