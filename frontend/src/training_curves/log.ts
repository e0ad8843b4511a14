// Alarms and notes of a run, newest first, each with its step and its time.
import { fill, h } from "../lib/dom.ts";
import { type Link, Superseded } from "../lib/rpc.ts";
import type { RunInfo } from "./runs.ts";

interface Entry {
  alarm: boolean;
  kind: string;
  text: string;
  step: number | null;
  at: number;
}

export class Log {
  readonly root = h("div", { class: "rb-tc-log" });
  private shown = "";

  constructor(
    private readonly link: Link,
    private readonly fail: (error: unknown) => void,
  ) {}

  update(run: RunInfo | null): void {
    const key = run === null ? "" : `${run.id}:${run.alarms}:${run.notes}:${run.error}`;
    if (key === this.shown && key !== "") return;
    this.shown = key;
    if (run === null || (run.alarms + run.notes === 0 && run.error === "")) {
      fill(this.root, h("div", { class: "rb-tc-none" }, "No alarms and no notes."));
      return;
    }
    this.link
      .call<{ entries: Entry[] }>("log", { run: run.id }, { lane: "log" })
      .then(({ entries }) => key === this.shown && fill(this.root, ...entries.map(line)))
      .catch((error) => error instanceof Superseded || this.fail(error));
  }
}

function line(entry: Entry): HTMLElement {
  const time = new Date(entry.at * 1000).toLocaleTimeString([], { hour12: false });
  return h(
    "div",
    { class: entry.alarm ? "rb-tc-entry rb-tc-alarm-entry" : "rb-tc-entry" },
    h("span", { class: "rb-tc-dim" }, time),
    h("span", { class: "rb-tc-dim rb-tc-number" }, entry.step === null ? "" : `step ${entry.step}`),
    h("span", {}, entry.alarm ? "⚠ " : "", entry.text),
  );
}
