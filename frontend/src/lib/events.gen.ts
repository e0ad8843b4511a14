// Written by `make frontend` from reasonbook/training/run_events.py; change it there.

/** Curve family → its columns, the step left out. */
export const SERIES = {
  step: ["loss", "learning_rate", "grad_norm", "tokens", "targets", "tokens_per_second", "memory", "epoch"],
  eval: ["eval_loss", "score"],
  health: ["valid", "empty", "unfinished", "missing", "correct"],
  source: [],
} as const;
export type TableName = keyof typeof SERIES;
export type Column<Name extends TableName = TableName> = (typeof SERIES)[Name][number];

/** What the thinking in an answer can be. */
export const HEALTH = ["valid", "empty", "unfinished", "missing"] as const;

/** What the student wrote for one validation row. */
export interface SampledAnswer {
  prompt: string;
  expected: string;
  text: string;
  thinking: string;
  answer: string;
  health: string;
  tokens: number;
  correct: boolean | null;
  score: number | null;
  position: number | null;
}
