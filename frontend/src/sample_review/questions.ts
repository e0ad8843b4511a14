// What the page asks about rows without changing any.

import type { Link } from "../lib/rpc.ts";
import type { Full, Offer, Reach } from "./types.ts";

export class Questions {
  constructor(
    private readonly link: Pick<Link, "call">,
    private readonly list: () => number,
  ) {}

  /** How many rows of the list an act would be about, and how many it would change. */
  reach(act: string, value?: number | string): Promise<Reach> {
    return this.link.call("reach", { act, list: this.list(), value: value ?? null });
  }

  /** The other columns of a row. */
  columns({ position, key }: Full): Promise<[name: string, text: string][]> {
    return this.link.call("columns", { position, key }, { lane: "columns" });
  }

  /** The values of a field or column to choose from; none where they are too many. */
  values(by: "field" | "column", name: string): Promise<string[]> {
    return this.link.call("values", { by, name }, { lane: "values" });
  }

  /** A teacher's proposal; `again` when the feedback is about the one before, `turn` the number of an earlier one. */
  repair({ position, key }: Full, feedback: string, again: boolean, teacher: string, turn?: number): Promise<Offer> {
    const args = { position, key, feedback, again, teacher, turn: turn ?? null };
    return this.link.call("repair", args, { once: true });
  }
}
