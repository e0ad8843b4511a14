import assert from "node:assert/strict";
import { test } from "node:test";
import { isHosts, keyName } from "./keyboard.ts";

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

test("saving is the host's, whatever else is held or not held", () => {
  const held = { ctrlKey: false, metaKey: false, altKey: false };
  assert.ok(isHosts({ ...held, key: "s", ctrlKey: true }) && isHosts({ ...held, key: "S", metaKey: true }));
  assert.ok(!isHosts({ ...held, key: "s" }) && !isHosts({ ...held, key: "Enter", ctrlKey: true }));
  assert.ok(!isHosts({ ...held, key: "ś", ctrlKey: true, altKey: true }));
});
