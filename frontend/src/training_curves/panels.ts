// Which charts there are, and how smooth their lines begin.

import { compact, percent } from "../lib/format.ts";
import { brief, byteMarks, bytes } from "../lib/plot/ticks.ts";
import type { PanelSpec } from "./panel.ts";
import { type RunCurves, valueAt } from "./runs.ts";

/** The first is drawn large. */
export const PANELS: PanelSpec[] = [
  {
    title: "Loss",
    height: 220,
    format: (v) => brief(v),
    logarithmic: true,
    bySource: true,
    curves: [
      { table: "step", column: "loss", label: "train", smooth: true },
      { table: "eval", column: "eval_loss", label: "eval", smooth: false, seldom: true },
    ],
  },
  {
    title: "Learning rate",
    height: 96,
    format: (v) => brief(v),
    curves: [{ table: "step", column: "learning_rate", smooth: false }],
  },
  {
    title: "Gradient norm",
    height: 96,
    format: (v) => brief(v),
    logarithmic: true,
    curves: [{ table: "step", column: "grad_norm", smooth: true }],
  },
  {
    title: "Tokens / s",
    height: 96,
    format: compact,
    curves: [{ table: "step", column: "tokens_per_second", smooth: true }],
  },
  {
    title: "Memory",
    height: 96,
    format: bytes,
    span: 0.2,
    marks: byteMarks,
    curves: [{ table: "step", column: "memory", smooth: false }],
  },
  {
    title: "Thinking valid",
    height: 96,
    format: percent,
    fixed: [0, 1],
    note: unwell,
    curves: [{ table: "health", column: "valid", smooth: false, seldom: true }],
  },
  {
    title: "Samples right",
    height: 96,
    format: percent,
    fixed: [0, 1],
    curves: [{ table: "health", column: "correct", smooth: false, seldom: true }],
  },
];

/** The commonest way in which thinking failed at an evaluation. */
function unwell(run: RunCurves, x: number): string {
  const shares = ["empty", "unfinished", "missing"].map((name) => ({
    name,
    share: valueAt(run.tables.health, name, x)?.value ?? 0,
  }));
  const worst = shares.reduce((a, b) => (b.share > a.share ? b : a));
  return worst.share > 0 ? `${percent(worst.share)} ${worst.name}` : "";
}

/** A weight that averages over about a fortieth of the curve. */
export function fittingSmoothing(points: number): number {
  const steps: [number, number][] = [
    [60, 0.3],
    [150, 0.6],
    [400, 0.8],
    [1200, 0.9],
    [5000, 0.95],
    [30_000, 0.98],
  ];
  return steps.find(([most]) => points <= most)?.[1] ?? 0.99;
}
