// What a person says of a row beside the verdict: a note, tags, and that it is for later.

import { fill, h } from "../lib/dom.ts";
import type { ReviewStore } from "./store.ts";
import type { Summary } from "./types.ts";

let lists = 0; // each view needs names of its own for its lists of tags

export class Marks {
  readonly element: HTMLElement;
  private readonly shown = h("span", { class: "rb-marks-shown" });
  private readonly text = h("div", { class: "rb-text rb-note-text" });
  private readonly known = h("datalist", { id: `rb-tags-${++lists}` });
  private readonly tag = h("input", {
    class: "rb-input rb-tag-input",
    "aria-label": "Tag",
    placeholder: "tag",
    list: this.known.id,
    maxlength: 60,
  });
  private readonly note = h("textarea", {
    class: "rb-input rb-note-input",
    rows: 2,
    "aria-label": "Note",
    placeholder: "A note about this row",
  });
  private readonly later: HTMLButtonElement;
  private position = -1;

  constructor(
    private readonly store: ReviewStore,
    private readonly done: () => void,
  ) {
    const button = (label: string, key: string, run: () => void) =>
      h("button", { class: "rb-button rb-quiet", onclick: run }, label, h("kbd", {}, key));
    this.later = button("later", "l", () => this.putAside());
    this.typed(this.tag, () => this.addTag(this.tag.value));
    this.typed(this.note, () => this.keep());
    this.tag.hidden = this.note.hidden = this.text.hidden = true;
    this.text.addEventListener("dblclick", () => this.openNote());
    this.element = h(
      "div",
      { class: "rb-marks" },
      h(
        "div",
        { class: "rb-marks-line" },
        this.shown,
        this.tag,
        this.known,
        button("tag", "t", () => this.openTag()),
        button("note", "n", () => this.openNote()),
        this.later,
      ),
      this.text,
      this.note,
    );
  }

  paint(row: Summary | undefined): void {
    if (row === undefined) return;
    if (row.position !== this.position) this.close();
    this.position = row.position;
    const chip = (tag: string) =>
      h(
        "span",
        { class: "rb-chip rb-tag" },
        tag,
        h(
          "button",
          { class: "rb-untag", "aria-label": `Take the tag ${tag} off`, onclick: () => this.removeTag(tag) },
          "✕",
        ),
      );
    fill(this.shown, ...row.tags.map(chip));
    fill(this.text, row.note ?? "");
    this.text.hidden = row.note === null || !this.note.hidden;
    this.later.setAttribute("aria-pressed", String(row.later));
    fill(this.known, ...Object.keys(this.store.state.tags).map((tag) => h("option", { value: tag })));
  }

  openTag(): void {
    if (this.store.current === undefined) return;
    this.tag.hidden = false;
    this.tag.value = "";
    this.tag.focus();
  }

  openNote(): void {
    const row = this.store.current;
    if (row === undefined) return;
    this.note.hidden = false;
    this.text.hidden = true;
    this.note.value = row.note ?? "";
    this.note.focus();
  }

  /** Whether a note is being written. */
  get writing(): boolean {
    return !this.note.hidden;
  }

  putAside(): void {
    const row = this.store.current;
    if (row !== undefined) this.store.later(!row.later);
  }

  keep(): void {
    const row = this.store.current;
    const text = this.note.value.trim() || null;
    this.close();
    if (row !== undefined && text !== row.note) this.store.note(text);
    this.done();
  }

  close(): void {
    this.tag.hidden = this.note.hidden = true;
    this.text.hidden = (this.store.current?.note ?? null) === null;
  }

  private addTag(text: string): void {
    const row = this.store.current;
    const tag = text.trim();
    this.close();
    if (row !== undefined && tag !== "" && !row.tags.includes(tag)) this.store.tag([...row.tags, tag]);
    this.done();
  }

  private removeTag(tag: string): void {
    const row = this.store.current;
    if (row !== undefined) this.store.tag(row.tags.filter((other) => other !== tag));
    this.done();
  }

  /** Enter takes what was typed, Escape leaves it. */
  private typed(field: HTMLElement, take: () => void): void {
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) take();
      else if (event.key === "Escape") {
        this.close();
        this.done();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
}
