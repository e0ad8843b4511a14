import assert from "node:assert/strict";
import { test } from "node:test";
import { keyName } from "./keyboard.ts";

const press = (key: string, held: Partial<KeyboardEvent> = {}) =>
  keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("a letter shows its own shift, a named key does not", () => {
  assert.equal(press("j"), "j");
  assert.equal(press("J", { shiftKey: true }), "J");
  assert.equal(press("?", { shiftKey: true }), "?");
  assert.equal(press("Tab", { shiftKey: true }), "Shift+Tab");
});

test("Cmd and Ctrl are one key", () => {
  assert.equal(press("z", { ctrlKey: true }), "Ctrl+z");
  assert.equal(press("z", { metaKey: true }), "Ctrl+z");
  assert.equal(press("Enter", { ctrlKey: true, shiftKey: true }), "Ctrl+Shift+Enter");
});
