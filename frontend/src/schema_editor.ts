// SchemaEditor: the fields on one side; on the other the prompt and JSON Schema they become, and a trial on three rows.

import { fill, h, setText } from "./lib/dom.ts";
import { capital } from "./lib/format.ts";
import { menuButton } from "./lib/menu.ts";
import { defineWidget, failureText, type Stage } from "./lib/widget.ts";
import { draggable, FieldRow } from "./schema_editor/field_row.ts";
import { type Opened, type SchemaState, SchemaStore, type Trial } from "./schema_editor/store.ts";
import "./schema_editor.css";

type Tab = "prompt" | "json" | "try";
const TRIED = 3;
const TABS: [Tab, string][] = [
  ["prompt", "Prompt"],
  ["json", "JSON Schema"],
  ["try", "Try on 3 rows"],
];

export default defineWidget("schema-editor", "Schema editor", (stage) => void new SchemaEditor(stage).open());

class SchemaEditor {
  private readonly store: SchemaStore;
  private readonly rows: FieldRow[] = [];
  private readonly list = h("div", { class: "rb-schema-list" });
  private readonly state = h("span", { class: "rb-schema-state", role: "status" });
  private readonly count = h("span", { class: "rb-dim" });
  private readonly pane = h("div", { class: "rb-schema-pane", role: "tabpanel", tabindex: 0 });
  private readonly code = h("pre", { class: "rb-schema-code" });
  private readonly tabs: HTMLButtonElement[];
  private readonly undoLine = h("div", { class: "rb-schema-undo", role: "status" });
  private readonly trialBox = h("div", { class: "rb-trial" });
  private readonly frameless = h(
    "div",
    { class: "rb-trial" },
    h("div", { class: "rb-dim" }, "To try the schema on rows of yours, give the editor your frame and a teacher:"),
    h("pre", { class: "rb-schema-code rb-trial-call" }, 'schema.edit(df, teacher="openai:MODEL")'),
  );
  private readonly teacher = h("input", {
    class: "rb-input rb-grow",
    placeholder: "openai:MODEL",
    "aria-label": "Teacher",
    spellcheck: "false",
  });
  private readonly run = h("button", { class: "rb-button rb-primary", onclick: () => void this.trial(0) }, "Try");
  private readonly further = h(
    "button",
    { class: "rb-button", onclick: () => void this.trial(this.start + TRIED) },
    "Other rows",
  );
  private readonly results = h("div", { class: "rb-trial-results" });
  private offered = ""; // the teacher that Python named last; what is typed over it stays
  private opened: Opened | undefined;
  private tab: Tab = "prompt";
  private start = 0;
  private focusNew = false;

  constructor(private readonly stage: Stage) {
    const { root, badge, signal, link } = stage;
    this.store = new SchemaStore(link, () => this.paint(), stage.fail);
    this.tabs = TABS.map(([tab, label]) =>
      h("button", { class: "rb-tab", role: "tab", onclick: () => this.show(tab) }, label),
    );
    const presets = menuButton("Presets", () => this.presetItems(), signal);
    const add = h("button", { class: "rb-button", onclick: () => this.add() }, "+ Add field");
    root.append(
      h(
        "div",
        { class: "rb-bar" },
        h("span", { class: "rb-title" }, "Reasoning schema"),
        this.count,
        h("span", { class: "rb-grow" }),
        badge,
        presets,
      ),
      h(
        "div",
        { class: "rb-schema-body" },
        h("div", { class: "rb-schema-fields" }, this.list, h("div", { class: "rb-schema-add" }, add, this.undoLine)),
        h("div", { class: "rb-schema-side" }, h("div", { class: "rb-tabs", role: "tablist" }, ...this.tabs), this.pane),
      ),
      h("div", { class: "rb-bar rb-schema-foot" }, this.state),
    );
    this.teacher.addEventListener("keydown", ({ key }) => key === "Enter" && !this.run.disabled && void this.trial(0));
    this.trialBox.append(h("div", { class: "rb-trial-bar" }, this.teacher, this.run, this.further), this.results);
    for (const [i, tab] of this.tabs.entries())
      tab.addEventListener("keydown", (event) => {
        const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (step === 0) return;
        const to = (i + step + this.tabs.length) % this.tabs.length;
        this.tabs[to]?.focus();
        this.show(TABS[to]?.[0] ?? "prompt");
      });
    draggable(this.list, (from, to) => this.store.move(from, to), signal);
    link.onPush((push: SchemaState) => this.store.take(push));
  }

  async open(): Promise<void> {
    fill(this.list, ...[1, 2, 3].map(() => h("div", { class: "rb-schema-field rb-schema-wait" })));
    try {
      this.opened = await this.store.open();
    } catch (error) {
      this.stage.fail(error);
      fill(
        this.list,
        h(
          "div",
          { class: "rb-empty" },
          "The schema could not be opened.",
          h("button", { class: "rb-button", onclick: () => void this.open() }, "Try again"),
        ),
      );
      return;
    }
    fill(this.list);
    this.rows.length = 0;
    this.paint();
    this.show(this.tab);
  }

  // -- paint -----------------------------------------------------------------------------------------------
  private paint(): void {
    if (this.opened === undefined) return;
    const { fields, problems, fingerprint } = this.store.state;
    while (this.rows.length > fields.length) this.rows.pop()?.element.remove();
    while (this.rows.length < fields.length) {
      const row = new FieldRow(this.store, this.rows.length, this.opened.types, (at) => this.remove(at));
      this.rows.push(row);
      this.list.append(row.element);
    }
    for (const [at, field] of fields.entries()) this.rows[at]?.paint(at, field, at === fields.length - 1);
    if (this.focusNew && fields.length > 0) {
      this.rows[fields.length - 1]?.focus();
      this.focusNew = false;
    }
    setText(this.count, `${fields.length} ${fields.length === 1 ? "field" : "fields"}`);
    const valid = problems.length === 0;
    this.state.dataset.valid = String(valid);
    setText(this.state, valid ? `Valid · ${fingerprint}` : capital(problems.join(" · ")));
    if (this.tab === "try") this.paintTry();
    else this.paintCode();
  }

  private show(tab: Tab): void {
    this.tab = tab;
    this.tabs.forEach((button, i) => {
      const on = TABS[i]?.[0] === tab;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    });
    if (tab === "try") this.paintTry();
    else {
      fill(this.pane, this.code);
      this.paintCode();
    }
  }

  private paintCode(): void {
    const { json_schema, prompt } = this.store.state;
    const text = this.tab === "json" ? (json_schema === null ? "" : JSON.stringify(json_schema, null, 2)) : prompt;
    setText(this.code, text || "It shows here as soon as every field is complete.");
    this.code.classList.toggle("rb-faint", text === "");
  }

  private paintTry(): void {
    const { trial } = this.store.state;
    const shown = trial === null ? this.frameless : this.trialBox;
    if (this.pane.firstChild !== shown) fill(this.pane, shown);
    if (trial === null) return;
    const { own_teacher, rows, teacher } = trial;
    if (teacher !== this.offered) this.teacher.value = this.offered = teacher;
    this.teacher.placeholder = own_teacher || "openai:MODEL";
    this.teacher.title = own_teacher ? `Leave empty to ask ${own_teacher}` : "";
    this.further.hidden = rows <= TRIED || this.results.childElementCount === 0;
  }

  // -- act -------------------------------------------------------------------------------------------------
  private add(): void {
    this.focusNew = true;
    this.store.add();
  }

  private remove(at: number): void {
    const field = this.store.state.fields[at];
    if (field === undefined) return;
    const kept = { ...field };
    this.store.remove(at);
    this.offer(`Removed ${field.name || "the field"}.`, () => this.store.put(kept, at));
  }

  private presetItems() {
    return (this.opened?.presets ?? []).map((name) => ({
      label: capital(name.replaceAll("_", " ")),
      run: () => {
        const kept = this.store.state.fields.map((field) => ({ ...field }));
        this.store.preset(name);
        this.offer("The preset took the place of your fields.", () => this.store.replaceAll(kept));
      },
    }));
  }

  private offer(text: string, back: () => void): void {
    const take = () => {
      fill(this.undoLine);
      back();
    };
    const button = h("button", { class: "rb-button rb-quiet", onclick: take }, "Put back");
    fill(this.undoLine, h("span", { class: "rb-dim" }, text), button);
  }

  private async trial(start: number): Promise<void> {
    const rows = this.store.state.trial?.rows ?? 0;
    const from = start >= rows ? 0 : start;
    this.run.disabled = this.further.disabled = true;
    fill(this.results, h("div", { class: "rb-dim rb-pulse" }, "The teacher is writing…"));
    try {
      const trial = await this.store.trial(this.teacher.value, from);
      this.start = trial.start;
      fill(this.results, ...trial.rows.map(trialRow));
    } catch (error) {
      fill(this.results, h("div", { class: "rb-error rb-text" }, failureText(error)));
    }
    this.run.disabled = this.further.disabled = false;
    this.further.hidden = rows <= TRIED;
  }
}

function trialRow(row: Trial["rows"][number]): HTMLElement {
  const values = row.reasoning.map(([name, value]) =>
    h(
      "div",
      { class: "rb-trial-value" },
      h("span", { class: "rb-dim" }, name),
      h("span", { class: "rb-text" }, shown(value)),
    ),
  );
  return h(
    "div",
    { class: "rb-trial-row" },
    h("div", { class: "rb-text rb-trial-request" }, row.request),
    ...values,
    row.error ? h("div", { class: "rb-error rb-text" }, row.error) : null,
  );
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join("; ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === null ? "none" : String(value);
}
