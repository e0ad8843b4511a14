import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boundary,
  countParts,
  Hues,
  paintOf,
  partName,
  pieces,
  quoted,
  type Row,
  runAt,
  runsOf,
  times,
} from "./tokens.ts";

const row = {
  texts: ["<s>", "Hi", " ", "x", "y", "</s>"],
  ids: [1, 2, 3, 4, 5, 0],
  special: [0, 5],
  runs: [
    ["prompt", false, 2],
    ["reasoning:Intent", true, 1],
    ["answer", true, 1],
    ["reasoning:Intent", true, 1],
    ["stop", true, 1],
  ],
  weights: { answer: 2, "reasoning:Intent": 0.30000001192092896 },
} as unknown as Row;

test("runs cover every token once and say where learning starts", () => {
  const runs = runsOf(row);
  assert.equal(
    runs.reduce((sum, run) => sum + run.stop - run.start, 0),
    row.texts.length,
  );
  assert.equal(boundary(runs), 2);
  assert.equal(runAt(runs, 3)?.part, "answer");
  assert.equal(runAt(runs, 6), undefined);
  assert.equal(boundary([{ part: "prompt", learnt: false, start: 0, stop: 4 }]), -1);
});

test("parts are counted in the order in which they first stand", () => {
  assert.deepEqual(
    countParts(runsOf(row)).map(({ part, tokens }) => [part, tokens]),
    [
      ["prompt", 2],
      ["reasoning:Intent", 2],
      ["answer", 1],
      ["stop", 1],
    ],
  );
});

test("a weight is told where it is not 1 and the part is learnt", () => {
  const told = runsOf(row).map((run) => times(row, run));
  assert.deepEqual(told, ["", " × 0.3", " × 2", " × 0.3", ""]);
  assert.equal(times(row, { part: "answer", learnt: false }), "");
});

test("a field keeps its hue and the next field gets another", () => {
  const hues = new Hues();
  const first = hues.of("reasoning:A");
  assert.notEqual(hues.of("reasoning:B"), first);
  assert.equal(hues.of("reasoning:A"), first);
});

test("blanks are shown and nothing else is changed", () => {
  assert.deepEqual(pieces(" refund"), [
    { text: " ", mark: "·" },
    { text: "refund", mark: "" },
  ]);
  assert.deepEqual(
    pieces("a\n\tb").map((piece) => piece.mark),
    ["", "⏎", "⇥", ""],
  );
  assert.deepEqual(pieces(""), [{ text: "", mark: "‥" }]);
  assert.deepEqual(
    pieces("\u202e")[0],
    { text: "", mark: "‹202e›" },
    "a direction override cannot turn the line around",
  );
  for (const text of ["<img src=x onerror=alert(1)>", " a  b\n\nc\t", "日本 語"])
    assert.equal(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
      text,
    );
});

test("names and paints", () => {
  assert.equal(partName("reasoning:Customer Intent"), "Customer Intent");
  assert.equal(partName("answer"), "answer");
  assert.deepEqual(["reasoning:x", "reasoning", "prompt", "stop", "trailer"].map(paintOf), [
    "field",
    "reasoning",
    "read",
    "stop",
    "read",
  ]);
  assert.equal(quoted(" a\n"), '" a\\n"');
});
