import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveKeys, showKey } from "./keys.ts";

const commands = [
  { id: "accept", keys: ["a", "Enter"] },
  { id: "reject", keys: ["r"] },
];

test("a changed key is taken from the command that had it", () => {
  assert.deepEqual(
    [...resolveKeys(commands, {})],
    [
      ["a", "accept"],
      ["Enter", "accept"],
      ["r", "reject"],
    ],
  );
  const changed = resolveKeys(commands, { reject: ["a"] });
  assert.equal(changed.get("a"), "reject");
  assert.equal(changed.get("Enter"), "accept");
  assert.equal(changed.has("r"), false);
});

test("a command without a key keeps none", () => {
  assert.equal([...resolveKeys(commands, { accept: [] }).values()].includes("accept"), false);
});

test("keys are written for people", () => {
  assert.equal(showKey("j"), "j");
  assert.equal(showKey("ArrowDown"), "↓");
  assert.equal(showKey("Ctrl+z"), "Ctrl+Z");
  assert.equal(showKey("+"), "+");
  assert.equal(showKey(" "), "Space");
});
