import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, foldLabel, footnote, type Transcript, take } from "./transcript.ts";

const blank = (): Answer => ({
  thinking: "",
  answer: "",
  state: "waiting",
  health: "",
  tokens: 0,
  seconds: 0,
  error: ["", ""],
});
const transcript = (): Transcript => ({
  labels: ["a", "b"],
  thinks: [true, true],
  answering: true,
  first: 3,
  turns: [{ question: "q", answers: [blank(), blank()] }],
});
const piece = (at: [number, number], more: [string, string]) => ({
  turn: 3,
  student: 1,
  at,
  more,
  state: "writing" as const,
  tokens: 4,
  seconds: 2,
});

test("pieces add up, and the end sets everything", () => {
  const known = transcript();
  assert.ok(take(known, piece([0, 0], ["Inten", ""])));
  assert.ok(take(known, piece([5, 0], ["t: refund", ""])));
  assert.ok(take(known, piece([14, 0], ["", "$5"])));
  const answer = known.turns[0]?.answers[1] as Answer;
  assert.equal(answer.thinking, "Intent: refund");
  assert.equal(answer.answer, "$5");
  take(known, {
    turn: 3,
    student: 1,
    ...blank(),
    thinking: "Intent: refund",
    answer: "$55",
    state: "done",
    health: "valid",
    tokens: 9,
  });
  assert.deepEqual([answer.answer, answer.state, answer.tokens], ["$55", "done", 9]);
  assert.equal(known.turns[0]?.answers[0]?.answer, "");
});

test("a piece that came twice changes nothing; one that is missing asks for the whole transcript", () => {
  const known = transcript();
  take(known, piece([0, 0], ["abc", ""]));
  take(known, piece([0, 0], ["abc", ""]));
  assert.equal(known.turns[0]?.answers[1]?.thinking, "abc");
  assert.equal(take(known, piece([7, 0], ["x", ""])), false);
  assert.equal(take(known, { ...piece([0, 0], ["", ""]), turn: 9 }), false);
});

test("the lines around an answer", () => {
  const answer = { ...blank(), tokens: 60, seconds: 2, health: "unfinished", state: "stopped" as const };
  assert.equal(footnote(answer), "60 tokens · 30 tokens/s · thinking not finished · stopped");
  assert.equal(footnote({ ...blank(), tokens: 6, health: "missing" }, false), "6 tokens");
  assert.equal(foldLabel({ ...blank(), state: "writing" }), "Thinking…");
  assert.equal(foldLabel({ ...blank(), state: "done", answer: "x" }), "");
});
