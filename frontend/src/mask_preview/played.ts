// What a perfect student makes of a row: the tokens that it writes, how they are read back, the steps that it passes.
import type { PlayedRow, PlayedStep } from "./played_row.gen.ts";
import type { Row } from "./tokens.ts";

export interface Written {
  text: string;
  id: number;
  /** `stop` ends it; what is `cut` stands behind and is never written. */
  as: "written" | "stop" | "cut";
}

/** The tokens that the student is trained to write, in order. */
export function writtenOf(row: Row, { start, stop, end }: PlayedRow): Written[] {
  return row.texts.slice(start, end).map((text, at) => {
    const token = start + at;
    const as = stop < 0 || token < stop ? "written" : token === stop ? "stop" : "cut";
    return { text, id: row.ids[token] as number, as };
  });
}

export function brokenStep(played: PlayedRow): PlayedStep | undefined {
  return played.steps.find(({ state }) => state === "broken");
}

export interface ReadBack {
  label: string;
  read: string;
  row: string;
  same: boolean;
}

/** Thinking and answer as they are read back, each beside the row's own. */
export function readBack(played: PlayedRow): ReadBack[] {
  const pairs: [string, string, string][] = [
    ["thinking", played.thinking, played.row_thinking],
    ["answer", played.answer, played.row_answer],
  ];
  return pairs
    .filter(([, read, row]) => read !== "" || row !== "")
    .map(([label, read, row]) => ({ label, read, row, same: read === row }));
}

export const MARKS: Record<PlayedStep["state"], string> = {
  passed: "✓",
  broken: "✗",
  "not reached": "·",
  "not asked": "–",
};

/** What a step asks, for whoever points at it. */
export const ASKS: Record<PlayedStep["step"], string> = {
  build: "the row can be trained",
  prompt: "inference asks with the ids that the row is trained behind",
  stop: "it is stopped at its end, and not before",
  parse: "thinking and answer are read back as the row has them",
  stream: "and so they are while it writes",
  history: "the next turn is asked as it is trained",
  served: "the saved template, given nothing, asks the same",
};
