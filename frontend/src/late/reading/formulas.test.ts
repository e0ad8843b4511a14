import assert from "node:assert/strict";
import { test } from "node:test";
import MarkdownIt from "markdown-it";
import { formulaAt, formulas } from "./formulas.ts";

const md = new MarkdownIt({ html: false }).use(formulas);
const drawn = (text: string) =>
  [...md.render(text).matchAll(/<span class="rb-tex[^"]*">([\s\S]*?)<\/span>/g)].map((m) => m[1]);

test("each pair of delimiters holds a formula", () => {
  assert.deepEqual(formulaAt("$$a$$", 0), { source: "a", end: 5, display: true });
  assert.deepEqual(drawn("so $x^2$, \\(y\\), \\[z\\] and $$w$$"), ["$x^2$", "\\(y\\)", "\\[z\\]", "$$w$$"]);
});

test("money is no formula, nor are dollars in code", () => {
  assert.deepEqual(drawn("$5 and $10, $1-$2, 5$ or 6$, \\$x^2\\$, `$x^2$`, $ x $"), []);
});

test("on lines of its own nothing in it is Markdown", () => {
  assert.deepEqual(drawn("so\n$$\na\n+ b\n* c\n\n- d\n$$\nand"), ["$$\na\n+ b\n* c\n\n- d\n$$"]);
  assert.deepEqual(drawn("$$ never closed\n\n- item"), []);
});
