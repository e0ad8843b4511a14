import assert from "node:assert/strict";
import { test } from "node:test";
import { readJson } from "./json_tree.ts";

test("objects and lists are read, other texts are not", () => {
  assert.deepEqual(readJson(' {"a": [true, null, "x"]}\n'), { a: [true, null, "x"] });
  for (const text of ["plain", "7", '"a"', "[link](x)", "{a: 1}", "[1, 2", "", "{}x"])
    assert.equal(readJson(text), undefined, text);
});

test("a number is shown as it is written, or the text stays text", () => {
  const read = readJson('{"price": 104.50, "id": 12345678901234567890}') as
    | Record<string, { text: string }>
    | undefined;
  // Node before 21 does not tell how a number was written.
  if (read !== undefined) assert.deepEqual([read.price?.text, read.id?.text], ["104.50", "12345678901234567890"]);
});

test("what a tree would hide stays text", () => {
  assert.equal(readJson('{"a": 1, "a": 2}'), undefined, "a name that is given twice");
  assert.notEqual(readJson('{"a": "x: \\"y\\": z", "": {"b:": ":"}}'), undefined, "colons in texts are no names");
  const polluted = readJson('{"__proto__": {"x": "1"}}') as object;
  assert.deepEqual(Object.keys(polluted), ["__proto__"]);
  assert.equal(({} as { x?: string }).x, undefined);
});
