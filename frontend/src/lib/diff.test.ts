import assert from "node:assert/strict";
import { test } from "node:test";
import { diff, tokens } from "./diff.ts";

const old = (parts: ReturnType<typeof diff>) =>
  parts
    .filter((p) => p.kind !== "new")
    .map((p) => p.text)
    .join("");
const now = (parts: ReturnType<typeof diff>) =>
  parts
    .filter((p) => p.kind !== "gone")
    .map((p) => p.text)
    .join("");

test("a changed word is gone and new, the rest is the same", () => {
  assert.deepEqual(diff("refund within 30 days", "refund within 14 days"), [
    { kind: "same", text: "refund within " },
    { kind: "gone", text: "30" },
    { kind: "new", text: "14" },
    { kind: "same", text: " days" },
  ]);
});

test("equal and empty texts", () => {
  assert.deepEqual(diff("", ""), []);
  assert.deepEqual(diff("a b", "a b"), [{ kind: "same", text: "a b" }]);
  assert.deepEqual(diff("", "a"), [{ kind: "new", text: "a" }]);
  assert.deepEqual(diff("a", ""), [{ kind: "gone", text: "a" }]);
});

test("two changed words in a row read as one change", () => {
  const kinds = diff("the old price stays", "the new amount stays").map((part) => part.kind);
  assert.deepEqual(kinds, ["same", "gone", "new", "same"]);
});

test("tokens keep every character, whatever the script", () => {
  for (const text of ["Größe: 3,5 m", "日本語 テスト", "👩‍👩‍👧 ok", "a\n\n  b\t", "عربي نص"]) {
    assert.equal(tokens(text).join(""), text);
  }
});

test("both texts can be read back from any diff", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  const words = ["a", "b", "c", " ", "\n", "é", "<b>", "."];
  const text = () => Array.from({ length: random(40) }, () => words[random(words.length)]).join("");
  for (let round = 0; round < 3000; round++) {
    const [before, after] = [text(), text()];
    const parts = diff(before, after);
    assert.equal(old(parts), before);
    assert.equal(now(parts), after);
  }
});

test("long texts that share little are shown as replaced, quickly", () => {
  const before = Array.from({ length: 5000 }, (_, i) => `x${i}`).join(" ");
  const after = Array.from({ length: 5000 }, (_, i) => `y${i}`).join(" ");
  const start = performance.now();
  const parts = diff(before, after);
  assert.ok(performance.now() - start < 1500);
  assert.equal(old(parts), before);
  assert.equal(now(parts), after);
});
