// Below the charts: what the student wrote, the rows behind a step, alarms and notes; one at a time.
import { h, setText } from "../lib/dom.ts";
import type { Link } from "../lib/rpc.ts";
import { Log } from "./log.ts";
import type { RunInfo } from "./runs.ts";
import { Samples } from "./samples.ts";
import { StepRows } from "./step_rows.ts";

type Tab = "samples" | "rows" | "log";
const LABELS: Record<Tab, string> = { samples: "Samples", rows: "Rows of a step", log: "Log" };
const TABS = Object.keys(LABELS) as Tab[];

export class Drawer {
  readonly root: HTMLElement;
  private readonly samples: Samples;
  private readonly rows: StepRows;
  private readonly log: Log;
  private readonly tabs: Record<Tab, HTMLButtonElement>;
  private readonly bodies: Record<Tab, HTMLElement>;

  constructor(link: Link, fail: (error: unknown) => void) {
    this.samples = new Samples(link, fail);
    this.rows = new StepRows(link, fail);
    this.log = new Log(link, fail);
    this.bodies = { samples: this.samples.root, rows: this.rows.root, log: this.log.root };
    const tab = (id: Tab) =>
      h("button", { class: "rb-tc-tab", role: "tab", onclick: () => this.select(id) }, LABELS[id]);
    this.tabs = { samples: tab("samples"), rows: tab("rows"), log: tab("log") };
    for (const id of TABS) {
      this.bodies[id].setAttribute("role", "tabpanel");
      this.bodies[id].setAttribute("aria-label", LABELS[id]);
    }
    const list = h("div", { class: "rb-tc-tabs", role: "tablist" }, ...Object.values(this.tabs));
    list.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? TABS.length - 1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const now = TABS.findIndex((id) => this.tabs[id].getAttribute("aria-selected") === "true");
      const next = TABS[(now + step) % TABS.length] as Tab;
      this.select(next);
      this.tabs[next].focus();
    });
    this.root = h(
      "div",
      { class: "rb-tc-drawer" },
      list,
      h("div", { class: "rb-tc-body" }, ...Object.values(this.bodies)),
    );
    this.select("samples");
  }

  update(run: RunInfo | null): void {
    this.samples.update(run);
    this.log.update(run);
    const said = (run?.alarms ?? 0) + (run?.notes ?? 0);
    setText(this.tabs.samples, run?.samples.length ? `${LABELS.samples} · ${run.samples.length}` : LABELS.samples);
    setText(this.tabs.log, said > 0 ? `${LABELS.log} · ${said}` : LABELS.log);
  }

  showRows(run: RunInfo, step: number): void {
    this.select("rows");
    this.rows.show(run.id, run.label, step);
  }

  select(chosen: Tab): void {
    for (const id of TABS) {
      this.tabs[id].setAttribute("aria-selected", String(id === chosen));
      this.tabs[id].tabIndex = id === chosen ? 0 : -1;
      this.bodies[id].hidden = id !== chosen;
    }
  }
}
