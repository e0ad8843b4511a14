import assert from "node:assert/strict";
import { test } from "node:test";
import { isLong, isRich } from "./reading.ts";

test("plain words are plain, with money, stars and arithmetic in them", () => {
  for (const text of [
    "I bought 2 chairs at $64 each, 12 days ago.",
    "$128",
    "108 - 4 = 104",
    "It costs $5 and $10 (or 5 * 3 * 2)",
    "snake_case and 3*4",
    "Good morning,\nwhere is my refund?",
    "a < b > c & d",
  ])
    assert.ok(!isRich(text), text);
});

test("Markdown and LaTeX are seen", () => {
  for (const text of [
    "**bold**",
    "- item",
    "1. first",
    "# Heading",
    "```py\nx\n```",
    "call `f`",
    "[a](https://b.c)",
    "> quoted",
    "| a | b |\n|---|---|",
    "*emphasis* here",
    "$x^2$ is",
    "\\(x\\)",
    "$$x$$",
    "the variable $n$",
  ])
    assert.ok(isRich(text), text);
});

test("long is many characters or many lines", () => {
  assert.ok(!isLong("short") && isLong("x".repeat(1500)) && isLong("a\n".repeat(20)));
});

test("no text keeps the page busy", () => {
  const began = performance.now();
  for (const one of ["$=", "*a ", "_", "$a", "\\(", "- ", "`", "$x=".padEnd(300, "=")])
    for (const text of [one.repeat(50_000 / one.length), `$${"=".repeat(49_000)}`]) isRich(text);
  assert.ok(performance.now() - began < 2_000);
});
