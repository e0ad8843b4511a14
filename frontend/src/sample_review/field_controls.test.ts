import assert from "node:assert/strict";
import { test } from "node:test";
import { misfit } from "./field_controls.ts";

test("a value is held to its field", () => {
  const days = { name: "Days", type: "number", minimum: 0, maximum: 30 } as const;
  assert.equal(misfit(days, 3), "");
  assert.match(misfit(days, -1), /at least 0/);
  assert.match(misfit(days, 31), /at most 30/);
  assert.match(misfit(days, Number.NaN), /must be a number/);
  const urgency = { name: "Urgency", type: "choice" as const, options: ["low", "high"] };
  assert.equal(misfit(urgency, "high"), "");
  assert.match(misfit(urgency, "banana"), /one of low, high/);
  assert.equal(misfit({ name: "Steps", type: "list" }, []), "");
});

test("what is required must be there, what is optional need not", () => {
  assert.equal(misfit({ name: "Intent", type: "text" }, null), "is missing");
  assert.equal(misfit({ name: "Intent", type: "text" }, "  "), "is empty");
  assert.equal(misfit({ name: "Intent", type: "text", optional: true }, null), "");
  assert.equal(misfit({ name: "Intent", type: "text", optional: true }, ""), "");
});
