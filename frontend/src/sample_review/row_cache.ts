// The rows that this page has fetched: short ones by their place in the list, full ones by their position in the frame.

import type { Full, Summary, Window } from "./types.ts";

const MOST_SHORT = 6000;
const MOST_FULL = 200;

export class RowCache {
  private readonly short = new Map<number, Summary>(); // by place
  private readonly full = new Map<number, Full>(); // by position
  private readonly outdated = new Set<number>(); // positions whose full row is to be fetched again

  summary(place: number): Summary | undefined {
    return this.short.get(place);
  }

  /** The full row at a position. */
  row(position: number): Full | undefined {
    return this.full.get(position);
  }

  /** The full row at a place of the list. */
  rowAt(place: number): Full | undefined {
    const short = this.short.get(place);
    return short === undefined ? undefined : this.full.get(short.position);
  }

  /** The place of a position in the list; `near` is looked at first. */
  placeOf(position: number, near: number): number | undefined {
    if (this.short.get(near)?.position === position) return near;
    for (const [place, row] of this.short) if (row.position === position) return place;
    return undefined;
  }

  /** Whether the full row of a place is missing or outdated. */
  lacks(place: number): boolean {
    const row = this.short.get(place);
    return row === undefined || !this.full.has(row.position) || this.outdated.has(row.position);
  }

  setSummary(place: number, row: Summary): void {
    this.short.set(place, row);
  }

  setWindow({ start, rows }: Window): void {
    if (this.short.size > MOST_SHORT) this.short.clear();
    for (const [i, row] of rows.entries()) this.short.set(start + i, row);
  }

  setRow(row: Full): void {
    this.full.set(row.position, row);
    this.outdated.delete(row.position);
  }

  /** Full rows with their places, as Python sends them. */
  setRows(samples: (Full & { place: number })[]): void {
    if (this.full.size > MOST_FULL) this.full.clear();
    for (const { place, ...row } of samples) {
      this.setRow(row);
      this.short.set(place, summaryOf(row) as Summary);
    }
  }

  /** Notes that a full row has changed; what is here is shown until the new one comes. */
  outdate(position: number): void {
    this.outdated.add(position);
  }

  outdateAll(): void {
    for (const position of this.full.keys()) this.outdated.add(position);
  }

  settle(position: number): void {
    this.outdated.delete(position);
  }

  forget(position: number, place: number | undefined): void {
    this.full.delete(position);
    if (place !== undefined) this.short.delete(place);
  }

  /** Forgets the list, but for one place. */
  forgetList(kept?: number): void {
    const row = kept === undefined ? undefined : this.short.get(kept);
    this.short.clear();
    if (kept !== undefined && row !== undefined) this.short.set(kept, row);
  }

  forgetRows(): void {
    this.full.clear();
  }
}

const SUMMARY = [
  "position",
  "request",
  "response",
  "verdict",
  "rating",
  "status",
  "edited",
  "flags",
  "note",
  "tags",
  "later",
  "conflict",
] as const;

/** What the list shows of a row, or of a change to one. */
export function summaryOf(row: Partial<Full>): Partial<Summary> {
  return Object.fromEntries(SUMMARY.filter((name) => name in row).map((name) => [name, row[name]]));
}
