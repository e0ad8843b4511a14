// JSON as a tree that folds. It shows what stands in the text, to the letter, or not at all.

import { type Child, fill, h } from "./dom.ts";

const MOST = 200_000; // characters that are read
const SHOWN = 100; // entries of one list at a time
const OPEN = 12; // entries up to which a list stands open

/** A number as it is written: 1.0 and 12345678901234567890 would be others after JavaScript has read them. */
class Written {
  constructor(readonly text: string) {}
}

/** The object or list that a text is; undefined where it is none, or where a tree would not show all of it. */
export function readJson(text: string): object | undefined {
  const first = text.trimStart()[0];
  if ((first !== "{" && first !== "[") || text.length > MOST) return undefined;
  let names = 0;
  let exact = true;
  const reviver = function (this: unknown, name: string, value: unknown, context?: { source?: string }): unknown {
    if (!Array.isArray(this) && name !== "") names++;
    if (typeof value !== "number") return value;
    if (context?.source !== undefined) return new Written(context.source);
    exact = exact && Number.isSafeInteger(value);
    return value;
  };
  try {
    const read: unknown = JSON.parse(text, reviver);
    // A name that is given twice is read once.
    return typeof read === "object" && read !== null && exact && names === namesIn(text) ? read : undefined;
  } catch {
    return undefined;
  }
}

function namesIn(text: string): number {
  let count = 0;
  for (const [whole] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?/g))
    if (whole.endsWith(":") && !/^""\s*:/.test(whole)) count++;
  return count;
}

export function jsonTree(value: object): HTMLElement {
  return h("div", { class: "rb-json", dir: "ltr" }, node(null, value, 0));
}

function node(name: string | null, value: unknown, depth: number): HTMLElement {
  const label = name === null ? null : h("span", { class: "rb-json-name", dir: "auto" }, name);
  if (typeof value !== "object" || value === null || value instanceof Written)
    return h("div", { class: "rb-json-leaf" }, label, leaf(value));
  const list = Array.isArray(value);
  const entries: [string | null, unknown][] = list ? value.map((item) => [null, item]) : Object.entries(value);
  if (entries.length === 0) return h("div", { class: "rb-json-leaf" }, label, list ? "[ ]" : "{ }");
  const unit = list ? (entries.length === 1 ? "item" : "items") : entries.length === 1 ? "field" : "fields";
  const size = h("span", { class: "rb-faint" }, `${entries.length.toLocaleString("en")} ${unit}`);
  const body = h("div", { class: "rb-json-body" });
  const open = depth === 0 || (depth < 3 && entries.length <= OPEN);
  const fold = h("details", { open }, h("summary", {}, label, size), body);
  const grow = (from: number) => {
    body.append(...entries.slice(from, from + SHOWN).map(([key, item]) => node(key, item, depth + 1)));
    const left = entries.length - from - SHOWN;
    if (left <= 0) return;
    const more = h("button", { class: "rb-button rb-quiet" }, `${left.toLocaleString("en")} more`);
    more.addEventListener("click", () => {
      more.remove();
      grow(from + SHOWN);
    });
    body.append(more);
  };
  if (open) grow(0);
  else fold.addEventListener("toggle", () => body.childElementCount === 0 && grow(0));
  return fold;
}

function leaf(value: unknown): Child {
  if (value instanceof Written) return h("span", { class: "hljs-number" }, value.text);
  if (typeof value !== "string") return h("span", { class: "hljs-literal" }, String(value));
  return h("span", { class: "rb-json-text", dir: "auto" }, value); // the sheet puts it into quotes
}

/** Replaces what an element holds by the tree of a text; false where the text has none. */
export function putJson(element: HTMLElement, text: string): boolean {
  const read = readJson(text);
  if (read === undefined) return false;
  fill(element, jsonTree(read));
  return true;
}
