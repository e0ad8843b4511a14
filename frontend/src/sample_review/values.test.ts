import assert from "node:assert/strict";
import { test } from "node:test";
import { sameValue } from "./values.ts";

test("missing and null are the same value, zero and empty text are not", () => {
  assert.ok(sameValue(undefined, null));
  assert.ok(!sameValue(0, null));
  assert.ok(!sameValue("", null));
});
