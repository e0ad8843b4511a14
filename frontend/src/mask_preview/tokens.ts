// A training row as the page gets it, and the questions that the view asks of it.

export interface Row {
  index: number;
  position: number;
  turn: number;
  split: string;
  hash: string;
  fingerprint: string;
  texts: string[];
  ids: number[];
  /** Neighbouring tokens of one part: [part, carries loss, how many]. */
  runs: [string, boolean, number][];
  /** Part → how much the loss of its tokens counts; empty where all count 1. */
  weights: Record<string, number>;
  special: number[];
  odd: string[];
}

export interface Run {
  part: string;
  learnt: boolean;
  start: number;
  stop: number;
}

export function runsOf(row: Row): Run[] {
  let start = 0;
  return row.runs.map(([part, learnt, count]) => {
    const run = { part, learnt, start, stop: start + count };
    start += count;
    return run;
  });
}

/** The run in which a token stands. */
export function runAt(runs: Run[], token: number): Run | undefined {
  return runs.find((run) => token >= run.start && token < run.stop);
}

/** The first token that carries loss, -1 where there is none. */
export function boundary(runs: Run[]): number {
  return runs.find((run) => run.learnt)?.start ?? -1;
}

export interface PartCount {
  part: string;
  learnt: boolean;
  tokens: number;
}

/** Parts in the order in which they first stand in the row, what is learnt apart from what is only read. */
export function countParts(runs: Run[]): PartCount[] {
  const counts = new Map<string, PartCount>();
  for (const { part, learnt, start, stop } of runs) {
    const key = `${part}\n${learnt}`;
    const count = counts.get(key) ?? { part, learnt, tokens: 0 };
    count.tokens += stop - start;
    counts.set(key, count);
  }
  return [...counts.values()];
}

/** How much a learnt part counts, behind what it multiplies; nothing for 1. */
export function times(row: Row, { part, learnt }: { part: string; learnt: boolean }): string {
  const weight = learnt ? (row.weights[part] ?? 1) : 1;
  return weight === 1 ? "" : ` × ${Number(weight.toPrecision(6))}`;
}

/** What a part is called for people. */
export function partName(part: string): string {
  return part.startsWith("reasoning:") ? part.slice("reasoning:".length) : part;
}

// Far enough apart to be told apart side by side; the next field takes the next one.
const FIELD_HUES = [255, 300, 195, 340, 225, 170, 275, 315];

/** A hue for every field of the dataset, given out in the order in which fields are met. */
export class Hues {
  private readonly given = new Map<string, number>();

  of(part: string): number {
    let hue = this.given.get(part);
    if (hue === undefined) {
      hue = FIELD_HUES[this.given.size % FIELD_HUES.length] as number;
      this.given.set(part, hue);
    }
    return hue;
  }
}

/** How a token is painted: a class for the parts that every row has, a hue for the schema's own fields. */
export function paintOf(part: string): "field" | "reasoning" | "answer" | "tags" | "stop" | "read" {
  if (part.startsWith("reasoning:")) return "field";
  if (part === "reasoning" || part === "context") return "reasoning";
  if (part === "answer" || part === "tags" || part === "stop") return part;
  return "read";
}

export interface Piece {
  text: string;
  /** What is shown in or before a blank; "" for plain text. */
  mark: string;
}

const MARKS: Record<string, string> = { " ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍", "\u00a0": "⍽" };
// Controls, zero-width characters and direction overrides, which would otherwise be unseen or turn the line around.
const HIDDEN = /[\p{Cc}\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

/** A token's text with its blanks made visible; the blanks stay in the text, so that it can be copied. */
export function pieces(text: string): Piece[] {
  if (text === "") return [{ text: "", mark: "‥" }]; // later token of a character that takes several
  const out: Piece[] = [];
  for (const character of text) {
    const mark = MARKS[character];
    const last = out.at(-1);
    if (mark !== undefined) out.push({ text: character, mark });
    else if (HIDDEN.test(character))
      out.push({ text: "", mark: `‹${(character.codePointAt(0) as number).toString(16)}›` });
    else if (last !== undefined && last.mark === "") last.text += character;
    else out.push({ text: character, mark: "" });
  }
  return out;
}

/** A token's text in one line, quoted, for the readout. */
export function quoted(text: string): string {
  return text === "" ? "part of the character before" : JSON.stringify(text);
}
