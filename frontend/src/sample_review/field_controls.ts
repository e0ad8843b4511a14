// Controls for the fields of a reasoning, one for each type, and the rules that their values are held to. Python has
// the same rules (schema/field.py) and the last word; here they are said while one types.

import { h } from "../lib/dom.ts";
import type { FieldSpec, Value } from "./types.ts";
import { valueText } from "./values.ts";

export interface Control {
  element: HTMLElement;
  /** What stands in it. */
  value(): Value;
  /** The same as one text: for a draft, and for what differs. */
  text(): string;
  set(text: string): void;
  focus(): void;
}

/** Why a value does not fit a field, in the words that follow its name; "" when it does. */
export function misfit(spec: FieldSpec, value: Value): string {
  if (value === null) return spec.optional ? "" : "is missing";
  switch (spec.type) {
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
      if (spec.minimum !== undefined && value < spec.minimum) return `must be at least ${spec.minimum}`;
      if (spec.maximum !== undefined && value > spec.maximum) return `must be at most ${spec.maximum}`;
      return "";
    case "boolean":
      return typeof value === "boolean" ? "" : "must be yes or no";
    case "choice":
      return spec.options?.includes(String(value)) ? "" : `must be one of ${spec.options?.join(", ")}`;
    case "list":
      return Array.isArray(value) ? "" : "must be a list";
    default:
      return String(value).trim() === "" && !spec.optional ? "is empty" : "";
  }
}

/** A control that holds a value of a field; it is told of with `input` events. */
export function fieldControl(spec: FieldSpec, value: Value): Control {
  if (spec.type === "choice") return choice(spec, value, spec.options ?? []);
  if (spec.type === "boolean" && (spec.optional || value === null))
    return choice(spec, value === null ? null : value ? "yes" : "no", ["yes", "no"], (text) => text === "yes");
  if (spec.type === "boolean") return toggle(spec, value === true);
  if (spec.type === "number") return number(spec, value);
  if (spec.type === "list") return list(spec, Array.isArray(value) ? value.map(String) : []);
  return area(spec, value);
}

function changed(element: HTMLElement): void {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

/** One of some words: by arrow keys, by mouse, by the digit that stands before it. */
function choice(
  spec: FieldSpec,
  value: Value,
  words: string[],
  read: (text: string) => Value = (text) => text,
): Control {
  const held = value === null ? "" : String(value);
  const option = (word: string, label: string) => h("option", { value: word }, label);
  const element = h(
    "select",
    { class: "rb-input rb-choice", "aria-label": spec.name },
    spec.optional || held === "" ? option("", "no value") : null,
    held !== "" && !words.includes(held) ? option(held, `${held} (not a choice)`) : null,
    ...words.map((word, i) => option(word, i < 9 ? `${i + 1} · ${word}` : word)),
  );
  element.value = held;
  element.addEventListener("keydown", (event) => {
    const word =
      /^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey ? words[Number(event.key) - 1] : undefined;
    if (word === undefined) return;
    event.preventDefault();
    element.value = word;
    changed(element);
  });
  return {
    element,
    value: () => (element.value === "" ? null : read(element.value)),
    text: () => element.value,
    set: (text) => {
      element.value = text;
    },
    focus: () => element.focus(),
  };
}

function toggle(spec: FieldSpec, value: boolean): Control {
  const word = h("span", {});
  const element = h("button", { class: "rb-switch", role: "switch", "aria-label": spec.name, type: "button" }, word);
  const set = (on: boolean) => {
    element.setAttribute("aria-checked", String(on));
    word.textContent = on ? "yes" : "no";
  };
  const on = () => element.getAttribute("aria-checked") === "true";
  set(value);
  element.addEventListener("click", () => {
    set(!on());
    changed(element);
  });
  return {
    element,
    value: on,
    text: () => valueText(on()),
    set: (text) => set(text === "yes"),
    focus: () => element.focus(),
  };
}

/** A control whose text is what stands in its element. */
function typed(element: HTMLInputElement | HTMLTextAreaElement, value: () => Value): Control {
  return {
    element,
    value,
    text: () => element.value,
    set: (text) => {
      element.value = text;
    },
    focus: () => element.focus(),
  };
}

function number(spec: FieldSpec, value: Value): Control {
  const element = h("input", {
    class: "rb-input rb-number",
    type: "number",
    step: "any",
    min: spec.minimum,
    max: spec.maximum,
    "aria-label": spec.name,
  });
  element.value = valueText(value);
  const read = () => (element.value === "" ? (element.validity.badInput ? Number.NaN : null) : element.valueAsNumber);
  return typed(element, read);
}

/** Items on lines of their own: Enter adds one below, Backspace in an empty one takes it out, Alt+↑↓ moves it. */
function list(spec: FieldSpec, items: string[]): Control {
  const rows = h("div", { class: "rb-items" });
  const element = h("div", { class: "rb-list-editor", role: "group", "aria-label": spec.name }, rows);
  const inputs = () => [...rows.querySelectorAll("input")];
  const name = () => {
    for (const [i, input] of inputs().entries()) input.setAttribute("aria-label", `${spec.name}, item ${i + 1}`);
  };
  const put = (text: string, before: Node | null = null): HTMLInputElement => {
    const input = h("input", { class: "rb-input", value: text, dir: "auto" });
    const gone = h("button", { class: "rb-button rb-quiet", type: "button", "aria-label": "Take the item out" }, "✕");
    const row = h("div", { class: "rb-item" }, input, gone);
    const remove = () => {
      const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("input");
      row.remove();
      name();
      (next ?? add).focus();
      changed(element);
    };
    gone.addEventListener("click", remove);
    input.addEventListener("keydown", (event) => {
      const other = event.key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
      if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) put("", row.nextSibling).focus();
      else if (event.key === "Backspace" && input.value === "") remove();
      else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown") && other !== null) {
        if (event.key === "ArrowUp") rows.insertBefore(row, other);
        else rows.insertBefore(other, row);
        name();
        input.focus();
        changed(element);
      } else return;
      event.preventDefault();
    });
    rows.insertBefore(row, before);
    name();
    return input;
  };
  const add = h("button", { class: "rb-button rb-quiet", type: "button", onclick: () => put("").focus() }, "+ item");
  element.append(add);
  const values = () => inputs().flatMap((input) => input.value.trim() || []);
  const set = (lines: string[]) => {
    rows.replaceChildren();
    for (const line of lines) put(line);
  };
  set(items);
  return {
    element,
    value: values,
    text: () => values().join("\n"),
    set: (text) => set(text === "" ? [] : text.split("\n")),
    focus: () => (inputs()[0] ?? add).focus(),
  };
}

/** Free text; a value that is an object is edited as JSON. */
function area(spec: FieldSpec, value: Value): Control {
  const element = h("textarea", {
    class: "rb-input rb-edit",
    rows: 1,
    "aria-label": spec.name,
    spellcheck: "true",
    dir: "auto",
  });
  element.value = valueText(value);
  const json = value !== null && typeof value === "object";
  const read = (): Value => {
    if (json) return JSON.parse(element.value) as Value;
    const none = value === null || (spec.optional === true && value !== "");
    return element.value === "" && none ? null : element.value;
  };
  return typed(element, read);
}
