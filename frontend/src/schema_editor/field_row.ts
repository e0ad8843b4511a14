// One field of the schema: name, type, instruction, and what its type asks for.

import { h, setText } from "../lib/dom.ts";
import type { Field, FieldType, SchemaStore } from "./store.ts";

const WORDS: Record<FieldType, string> = {
  text: "text",
  number: "number",
  boolean: "yes or no",
  choice: "one of",
  list: "list of texts",
};

/** A field's element; inputs are made once and follow the schema except while they have the focus. */
export class FieldRow {
  readonly element: HTMLElement;
  private readonly name: HTMLInputElement;
  private readonly instruction: HTMLTextAreaElement;
  private readonly type: HTMLSelectElement;
  private readonly required: HTMLInputElement;
  private readonly minimum: HTMLInputElement;
  private readonly maximum: HTMLInputElement;
  private readonly options: HTMLInputElement;
  private readonly bounds: HTMLElement;
  private readonly choices: HTMLElement;
  private readonly problem = h("div", { class: "rb-field-problem", "aria-live": "polite" });
  private readonly up: HTMLButtonElement;
  private readonly down: HTMLButtonElement;

  constructor(
    private readonly store: SchemaStore,
    private at: number,
    types: FieldType[],
    remove: (at: number) => void,
  ) {
    const typed = (change: () => Partial<Field>) => () => this.store.type(this.at, change());
    const at_ = () => this.at;
    this.name = h("input", {
      class: "rb-input rb-name",
      placeholder: "Name",
      "aria-label": "Field name",
      maxlength: 200,
      oninput: typed(() => ({ name: this.name.value })),
    });
    this.instruction = h("textarea", {
      class: "rb-input",
      rows: 1,
      placeholder: "What shall the teacher determine?",
      "aria-label": "Instruction",
      oninput: typed(() => ({ instruction: this.instruction.value })),
    });
    this.type = h(
      "select",
      {
        class: "rb-input",
        "aria-label": "Type",
        onchange: () => {
          this.store.type(this.at, { type: this.type.value as FieldType });
          this.store.flush();
        },
      },
      ...types.map((type) => h("option", { value: type }, WORDS[type] ?? type)),
    );
    this.required = h("input", {
      type: "checkbox",
      onchange: () => {
        const required = this.required.checked;
        this.store.type(this.at, required ? { required, optional: false } : { required });
        this.store.flush();
      },
    });
    const bound = (which: "minimum" | "maximum", placeholder: string, label: string) =>
      h("input", {
        class: "rb-input rb-bound",
        inputmode: "decimal",
        placeholder,
        "aria-label": label,
        oninput: (event) => {
          const text = (event.target as HTMLInputElement).value.trim().replace(",", ".");
          const value = text === "" ? null : Number(text);
          const wrong = value !== null && !Number.isFinite(value);
          (event.target as HTMLInputElement).setAttribute("aria-invalid", String(wrong));
          if (!wrong) this.store.type(this.at, { [which]: value });
        },
      });
    this.minimum = bound("minimum", "any", "Smallest number");
    this.maximum = bound("maximum", "any", "Largest number");
    this.options = h("input", {
      class: "rb-input rb-options",
      placeholder: "low, normal, high",
      "aria-label": "Options, separated by commas",
      oninput: typed(() => ({ options: readOptions(this.options.value) })),
    });
    this.bounds = h("div", { class: "rb-field-extra" }, "from", this.minimum, "to", this.maximum);
    this.choices = h("div", { class: "rb-field-extra" }, "options", this.options);
    this.up = h(
      "button",
      { class: "rb-button rb-quiet", "aria-label": "Move up", title: "Move up (Alt+↑)", onclick: () => this.shift(-1) },
      "↑",
    );
    this.down = h(
      "button",
      {
        class: "rb-button rb-quiet",
        "aria-label": "Move down",
        title: "Move down (Alt+↓)",
        onclick: () => this.shift(1),
      },
      "↓",
    );
    this.element = h(
      "div",
      {
        class: "rb-schema-field",
        role: "group",
        onkeydown: (event) => {
          if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
          event.preventDefault();
          this.shift(event.key === "ArrowUp" ? -1 : 1);
        },
      },
      h("span", { class: "rb-grip", draggable: "true", title: "Drag to another place", "aria-hidden": "true" }, "⠿"),
      h(
        "div",
        { class: "rb-field-body" },
        h(
          "div",
          { class: "rb-field-line" },
          this.name,
          this.type,
          h(
            "label",
            { class: "rb-check", title: "The teacher may not answer that the request does not state it" },
            this.required,
            "always a value",
          ),
          h("span", { class: "rb-grow" }),
          h(
            "span",
            { class: "rb-field-tools" },
            this.up,
            this.down,
            h(
              "button",
              {
                class: "rb-button rb-quiet",
                "aria-label": "Remove field",
                title: "Remove field",
                onclick: () => remove(at_()),
              },
              "✕",
            ),
          ),
        ),
        this.instruction,
        this.bounds,
        this.choices,
        this.problem,
      ),
    );
    this.element.addEventListener("focusout", () => this.store.flush());
  }

  paint(at: number, field: Field, last: boolean): void {
    this.at = at;
    this.element.dataset.at = String(at);
    this.element.setAttribute("aria-label", field.name || `Field ${at + 1}`);
    put(this.name, field.name);
    put(this.instruction, field.instruction);
    put(this.type, field.type);
    put(this.minimum, field.minimum === null ? "" : String(field.minimum));
    put(this.maximum, field.maximum === null ? "" : String(field.maximum));
    put(this.options, field.options.join(", "));
    this.required.checked = field.required;
    this.bounds.hidden = field.type !== "number";
    this.choices.hidden = field.type !== "choice";
    this.up.disabled = at === 0;
    this.down.disabled = last;
    this.name.setAttribute("aria-invalid", String(field.name.trim() === ""));
    this.instruction.setAttribute("aria-invalid", String(field.instruction.trim() === ""));
    setText(this.problem, untouched(field) ? "" : field.problems.join(" · "));
  }

  focus(): void {
    this.name.focus();
  }

  private shift(by: number): void {
    this.store.move(this.at, this.at + by);
  }
}

/** A fresh field is not scolded before anything was typed. */
function untouched(field: Field): boolean {
  return field.name === "" && field.instruction === "";
}

/** "low, normal; high" → three options; a line break separates too. */
export function readOptions(text: string): string[] {
  return text
    .split(/[,;\n]/)
    .map((option) => option.trim())
    .filter((option) => option !== "");
}

function put(input: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, value: string): void {
  if (input !== document.activeElement && input.value !== value) input.value = value;
}

/** Lets fields be dragged to another place; `move(from, to)` when one was dropped. */
export function draggable(list: HTMLElement, move: (from: number, to: number) => void, signal: AbortSignal): void {
  let from = -1;
  const rowOf = (event: Event) => (event.target as Element).closest<HTMLElement>(".rb-schema-field");
  const clear = () => {
    for (const row of list.querySelectorAll<HTMLElement>("[data-drop]")) delete row.dataset.drop;
  };
  const side = (event: DragEvent, row: HTMLElement) => {
    const box = row.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2 ? "before" : "after";
  };
  list.addEventListener(
    "dragstart",
    (event) => {
      const row = rowOf(event);
      if (row === null || !(event.target as Element).matches(".rb-grip")) return;
      from = Number(row.dataset.at);
      event.dataTransfer?.setData("text/plain", row.getAttribute("aria-label") ?? "");
      event.dataTransfer?.setDragImage(row, 10, 10);
    },
    { signal },
  );
  list.addEventListener(
    "dragover",
    (event) => {
      const row = rowOf(event);
      if (from < 0 || row === null) return;
      event.preventDefault();
      clear();
      row.dataset.drop = side(event, row);
    },
    { signal },
  );
  list.addEventListener(
    "drop",
    (event) => {
      const row = rowOf(event);
      clear();
      if (from < 0 || row === null) return;
      event.preventDefault();
      const target = Number(row.dataset.at) + (side(event, row) === "after" ? 1 : 0);
      const to = target > from ? target - 1 : target;
      if (to !== from) move(from, to);
    },
    { signal },
  );
  list.addEventListener(
    "dragend",
    () => {
      from = -1;
      clear();
    },
    { signal },
  );
}
