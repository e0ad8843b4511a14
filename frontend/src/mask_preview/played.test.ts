import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenStep, readBack, writtenOf } from "./played.ts";
import type { PlayedRow } from "./played_row.gen.ts";
import type { Row } from "./tokens.ts";

const row = { texts: ["<s>", "Hi", "4", ".", "</s>", "\n"], ids: [1, 7, 8, 9, 0, 5] } as unknown as Row;
const played: PlayedRow = {
  story: "It writes 3 tokens and stops at </s>, id 0.",
  start: 2,
  stop: 4,
  end: 5,
  thinking: "",
  answer: "4.",
  row_thinking: "",
  row_answer: "4.",
  steps: [
    { step: "prompt", state: "passed", said: "", fix: "" },
    { step: "stop", state: "passed", said: "", fix: "" },
  ],
};

test("the student writes what stands between prompt and stop, the stop included", () => {
  assert.deepEqual(writtenOf(row, played), [
    { text: "4", id: 8, as: "written" },
    { text: ".", id: 9, as: "written" },
    { text: "</s>", id: 0, as: "stop" },
  ]);
});

test("what stands behind an early stop is cut, and without a stop nothing is", () => {
  assert.deepEqual(
    writtenOf(row, { ...played, stop: 3 }).map((token) => token.as),
    ["written", "stop", "cut"],
  );
  assert.deepEqual(
    writtenOf(row, { ...played, stop: -1 }).map((token) => token.as),
    ["written", "written", "written"],
  );
});

test("thinking and answer are held against the row's own, as far as there is any", () => {
  assert.deepEqual(readBack(played), [{ label: "answer", read: "4.", row: "4.", same: true }]);
  assert.deepEqual(
    readBack({ ...played, row_thinking: "2 + 2", answer: "4.<|end|>" }).map(({ label, same }) => [label, same]),
    [
      ["thinking", false],
      ["answer", false],
    ],
  );
});

test("the step that breaks is found", () => {
  assert.equal(brokenStep(played), undefined);
  const broken = { step: "parse", state: "broken", said: "the answer is gone", fix: "" } as const;
  assert.equal(brokenStep({ ...played, steps: [...played.steps, broken] }), broken);
});
