// One condition on a field of the reasoning or on a column: which, and what its cell has to be.

import { fill, h } from "../lib/dom.ts";
import type { ReviewStore } from "./store.ts";
import type { Query } from "./types.ts";

type By = "field" | "column";
export const HINT = "contains · =is · ≥ >= 10 · 10..20 · empty";

/** Options for every field and column, by `field:NAME` and `column:NAME`. */
export function namedOptions(options: Record<By, string[]>, words: (name: string) => string): HTMLElement[] {
  const group = (by: By, label: string) =>
    h("optgroup", { label }, ...options[by].map((name) => h("option", { value: `${by}:${name}` }, words(name))));
  return [group("field", "Fields"), group("column", "Columns")].filter((made) => made.childElementCount > 0);
}

export class Condition {
  readonly element: HTMLElement;
  private readonly which = h("select", {
    class: "rb-input rb-select",
    "aria-label": "Field or column",
    onchange: () => void this.chosen(),
  });
  private readonly text = h("input", {
    class: "rb-input rb-condition-text",
    type: "search",
    placeholder: HINT,
    title: HINT,
    "aria-label": "What it has to be",
  });
  private readonly values = h("select", {
    class: "rb-input rb-select",
    "aria-label": "Value",
    onchange: () => this.ask(this.values.value === "" ? "" : this.values.value),
  });
  private choosing = false; // a name was chosen, and no value yet
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: ReviewStore,
    private readonly leave: () => void,
  ) {
    this.text.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask(this.text.value), 350);
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(this.typing);
      if (event.key === "Escape") this.text.value = "";
      this.ask(this.text.value);
      this.leave();
    });
    this.text.hidden = this.values.hidden = true;
    this.element = h("span", { class: "rb-condition" }, this.which, this.values, this.text);
  }

  /** Shows the query's condition, where it has one. */
  paint({ field, column }: Query): void {
    const { options } = this.store;
    if (this.which.options.length === 0)
      fill(this.which, h("option", { value: "" }, "any value"), ...namedOptions(options, (name) => name));
    const [by, held] = field !== null ? (["field", field] as const) : (["column", column ?? {}] as const);
    const [name, wanted] = Object.entries(held)[0] ?? ["", ""];
    this.which.dataset.set = String(name !== "");
    if (name !== "") this.which.value = `${by}:${name}`;
    else if (!this.choosing) this.which.value = "";
    if (this.which.value === "") this.text.hidden = this.values.hidden = true;
    if (document.activeElement !== this.text) this.text.value = wanted;
    if ([...this.values.options].some(({ value }) => value === wanted)) this.values.value = wanted;
  }

  /** Takes back a choice that no value was given for. */
  reset(): void {
    this.choosing = false;
  }

  private get chosenName(): { by: By; name: string } | null {
    const [by = "", ...name] = this.which.value.split(":");
    return by === "" ? null : { by: by as By, name: name.join(":") };
  }

  private async chosen(): Promise<void> {
    const { chosenName } = this;
    this.text.value = "";
    this.text.hidden = this.values.hidden = true;
    this.choosing = chosenName !== null;
    this.ask("");
    if (chosenName === null) return;
    const values = await this.store.questions.values(chosenName.by, chosenName.name).catch(() => []);
    if (this.chosenName?.name !== chosenName.name || this.chosenName.by !== chosenName.by) return;
    const option = (value: string, words: string) => h("option", { value }, words);
    fill(
      this.values,
      option("", "any"),
      ...values.map((value) => option(`=${value}`, value)),
      option("empty", "no value"),
    );
    this.values.hidden = values.length === 0;
    this.text.hidden = values.length > 0;
    (values.length > 0 ? this.values : this.text).focus();
  }

  private ask(text: string): void {
    const { chosenName } = this;
    const none = { field: null, column: null };
    const wanted =
      text.trim() === "" || chosenName === null ? none : { ...none, [chosenName.by]: { [chosenName.name]: text } };
    const { query } = this.store;
    if (JSON.stringify([query.field, query.column]) === JSON.stringify([wanted.field, wanted.column])) return;
    void this.store.choose(wanted);
  }
}
