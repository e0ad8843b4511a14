// One thing done to every row of the list; how many rows that is stands there before it is done, and after.

import type { Item } from "../lib/menu.ts";
import type { Toast } from "../lib/toast.ts";
import type { ReviewStore } from "./store.ts";
import type { Reach } from "./types.ts";

interface BulkWords {
  label: string;
  act: string;
  ask: string; // "Accept 12 rows?"
  value?: number | string;
}

const ACTS: BulkWords[] = [
  { label: "Accept all", act: "accept", ask: "Accept" },
  { label: "Reject all", act: "reject", ask: "Reject" },
  { label: "Take verdicts off", act: "clear", ask: "Clear" },
  { label: "Rate all ★5", act: "rate", ask: "Rate ★5", value: 5 },
  { label: "Rate all ★1", act: "rate", ask: "Rate ★1", value: 1 },
  { label: "Put all aside for later", act: "later", ask: "Put aside" },
  { label: "Take all up again", act: "now", ask: "Take up" },
];

export class Bulk {
  constructor(
    private readonly store: ReviewStore,
    private readonly toast: Toast,
    private readonly undoKey: () => string,
    private readonly fail: (error: unknown) => void,
  ) {}

  items(): Item[] {
    const tags = Object.keys(this.store.state.tags).slice(0, 5);
    const tagging = tags.map((tag) => ({ label: `Tag all “${tag}”`, act: "tag", ask: `Tag “${tag}”`, value: tag }));
    return [...ACTS, ...tagging].map((words) => ({ label: words.label, run: () => void this.offer(words) }));
  }

  private async offer({ act, ask, value }: BulkWords): Promise<void> {
    try {
      const reach = await this.store.questions.reach(act, value);
      this.toast.offer(
        [`${ask} ${rows(reach.rows)}?`, changing(reach), ...promised(reach)].join(" "),
        ask,
        () => void this.run(act, ask, value),
      );
    } catch (error) {
      this.fail(error);
    }
  }

  private async run(act: string, ask: string, value?: number | string): Promise<void> {
    this.toast.say("Working…");
    try {
      const reach = await this.store.bulk(act, value);
      this.toast.say(`${ask}: ${rows(reach.rows)}, ${said(reach.change)} changed. ${this.undoKey()} takes it back.`);
    } catch (error) {
      this.toast.say("");
      this.fail(error);
    }
  }
}

/** What is known of the rows before they are accepted. */
function promised({ flagged, promise }: Reach): string[] {
  if (flagged === undefined || promise === undefined) return [];
  return [`${flagged === 0 ? "None of them is" : `${said(flagged)} of them are`} flagged.`, promise];
}

function rows(n: number): string {
  return `${said(n)} ${n === 1 ? "row" : "rows"}`;
}

function changing({ rows: all, change }: Reach): string {
  if (change === all) return "";
  return change === 0 ? "None of them would change." : `${said(change)} of them would change.`;
}

function said(n: number): string {
  return n.toLocaleString("en");
}
