import assert from "node:assert/strict";
import { test } from "node:test";
import { readValue, sameValue, valueText } from "./values.ts";

test("every kind of value survives being edited without a change", () => {
  for (const value of ["two\nlines", "", 3, -0.5, true, false, null, ["a", "b c"], [], { a: [1] }])
    assert.deepEqual(readValue(valueText(value), value), value);
});

test("a number stays a number, also with a comma, and says when it is none", () => {
  assert.equal(readValue(" 2,5 ", 1), 2.5);
  assert.throws(() => readValue("many", 1), /no number/);
  assert.throws(() => readValue("", 1), /no number/);
});

test("blank lines make no list items", () => {
  assert.deepEqual(readValue("a\n\n  b \n", ["x"]), ["a", "b"]);
});

test("missing and null are the same value, zero and empty text are not", () => {
  assert.ok(sameValue(undefined, null));
  assert.ok(!sameValue(0, null));
  assert.ok(!sameValue("", null));
});
