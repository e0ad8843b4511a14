import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "./tool_calls.ts";

test("a text without calls is one piece, to the letter", () => {
  for (const text of ["", "  plain ", "<tool_call>", "<tool_call>not JSON</tool_call>"])
    assert.deepEqual(pieces(text), [{ text }]);
});

test("calls and results are cut out of what is said around them", () => {
  const text =
    'I look.\n<tool_call>\n{"name": "find", "arguments": {"id": 1.50}}\n</tool_call>\nand <tool_response>9</tool_response>';
  assert.deepEqual(pieces(text), [
    { text: "I look.\n" },
    { call: { name: "find", arguments: '{"id": 1.50}', id: "" } },
    { text: "\nand " },
    { result: "9" },
  ]);
});

test("a call that says more than name and arguments stays text", () => {
  const text = '<tool_call>{"name": "a", "arguments": {}, "also": 1}</tool_call>';
  assert.deepEqual(pieces(text), [{ text }]);
});

test("tags that are never closed cost no time", () => {
  const text = "<tool_call>{".repeat(4_000);
  const began = performance.now();
  assert.deepEqual(pieces(text), [{ text }]);
  assert.deepEqual(pieces(`${text}</tool_call>`).length, 1);
  assert.ok(performance.now() - began < 500);
});
