import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, byteMarks, bytes, logMarks } from "./ticks.ts";

test("brief keeps three figures in every size", () => {
  assert.deepEqual(
    [0, 0.5, 0.1234, 2e-4, 1.05e-6, 7, 999.4, 1234, 12_345, 4.2e6, -0.25, Number.NaN].map((v) => brief(v)),
    ["0", "0.5", "0.123", "2e-4", "1.05e-6", "7", "999", "1234", "12.3k", "4.2M", "-0.25", "–"],
  );
  assert.equal(brief(0.1), "0.1");
  assert.equal(brief(100), "100");
});

test("bytes read as a system monitor's", () => {
  assert.equal(bytes(512), "512 B");
  assert.equal(bytes(1.5 * 2 ** 30), "1.5 GiB");
  assert.equal(bytes(100 * 2 ** 20), "100 MiB");
});

test("byte marks are round where people read them", () => {
  assert.deepEqual(byteMarks(700 * 2 ** 20, 960 * 2 ** 20).map(bytes), ["700 MiB", "800 MiB", "900 MiB"]);
  assert.deepEqual(byteMarks(1.2 * 2 ** 30, 1.55 * 2 ** 30).map(bytes), ["1.2 GiB", "1.3 GiB", "1.4 GiB", "1.5 GiB"]);
  assert.deepEqual(byteMarks(5, 5), []);
});

test("log marks lie inside, rise, and stay few", () => {
  for (const [low, high] of [
    [0.011, 5],
    [0.4, 0.9],
    [1e-7, 1],
    [1e-12, 1e6],
    [0.9, 1.1],
  ]) {
    const marks = logMarks(low as number, high as number);
    assert.ok(marks.length >= 1 && marks.length <= 12, `${low} ${high} ${marks}`);
    assert.deepEqual(
      [...marks].sort((a, b) => a - b),
      marks,
    );
    assert.ok(marks.every((mark) => mark >= (low as number) && mark <= (high as number)));
  }
  assert.deepEqual(logMarks(0, 1), []);
});
