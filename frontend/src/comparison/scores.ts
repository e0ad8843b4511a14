// The table of runs: each share with its interval as a bar with whiskers, thinking health as a stacked bar.
import { fill, h } from "../lib/dom.ts";
import { percent } from "../lib/format.ts";

export interface Score {
  label: string;
  rows: number;
  /** Share of right answers, or the mean of a score in 0…1, with its 95 % interval. */
  share: number;
  low: number;
  high: number;
  /** Difference to the first run over the same rows, null for the first. */
  difference: number | null;
  differenceLow: number | null;
  differenceHigh: number | null;
  health: Record<string, number>;
  tokens: number | null;
  /** As the rows correct it that were judged by hand. */
  corrected: { value: number; low: number; high: number; judged: number; agreed: number } | null;
}

const HEALTH: [string, string][] = [
  ["valid", "thought, then answered"],
  ["empty", "empty thinking"],
  ["unfinished", "not finished"],
  ["missing", "no thinking"],
];

/** Differences in points, signed: 0.621 → "+62.1". */
export function points(value: number): string {
  const text = Math.abs(100 * value).toFixed(1);
  return value < 0 ? `−${text}` : `+${text}`;
}

/** What an interval of a difference says in words. */
export function verdict(low: number | null, high: number | null): string {
  if (low === null || high === null) return "";
  if (low > 0) return "better";
  if (high < 0) return "worse";
  return "no clear difference";
}

export function scoreTable(scores: Score[], measure: string): HTMLElement {
  const heads = ["run", measure, "against the first", "thinking", "tokens"];
  return h(
    "table",
    { class: "rb-co-table" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...scores.map((score, index) => line(score, index))),
  );
}

function line(score: Score, index: number): HTMLElement {
  const interval = `${percent(score.low)} to ${percent(score.high)}`;
  return h(
    "tr",
    { style: `--run:var(--rb-run-${index % 6})` },
    h("th", { scope: "row" }, h("i", { class: "rb-co-dot", "aria-hidden": "true" }), score.label),
    h(
      "td",
      { class: "rb-co-share" },
      h("b", {}, percent(score.share)),
      whiskers(score, interval),
      h("span", { class: "rb-dim rb-co-range" }, `95 %: ${interval}`),
      corrected(score),
    ),
    h("td", {}, ...difference(score)),
    h("td", {}, health(score)),
    h("td", { class: "rb-co-number" }, score.tokens === null ? "–" : score.tokens.toFixed(score.tokens < 100 ? 1 : 0)),
  );
}

function corrected({ corrected: found }: Score): HTMLElement | null {
  if (found === null) return null;
  const range = `${percent(found.low)} to ${percent(found.high)}`;
  return h(
    "span",
    { class: "rb-co-range rb-co-corrected", title: `The grade was right in ${found.agreed} of ${found.judged} rows` },
    h("b", {}, percent(found.value)),
    ` corrected by ${found.judged} judged rows (${range})`,
  );
}

function whiskers(score: Score, label: string): HTMLElement {
  const left = 100 * clamp(score.low);
  const width = 100 * clamp(score.high) - left;
  return h(
    "span",
    { class: "rb-co-bar", role: "img", "aria-label": `${percent(score.share)}, 95 % interval ${label}` },
    h("i", { class: "rb-co-fill", style: `width:${100 * clamp(score.share)}%` }),
    h("i", { class: "rb-co-whisker", style: `left:${left}%;width:${Math.max(width, 0.6)}%` }),
  );
}

function difference({ difference: by, differenceLow: low, differenceHigh: high }: Score): (HTMLElement | string)[] {
  if (by === null) return [h("span", { class: "rb-faint" }, "first")];
  const word = verdict(low, high);
  const kind = word === "better" ? "rb-co-better" : word === "worse" ? "rb-co-worse" : "rb-dim";
  const range = low === null || high === null ? "" : `${points(low)} to ${points(high)}`;
  return [
    h("b", { class: kind }, `${points(by)} points`),
    h("span", { class: "rb-dim rb-co-range" }, `${range}${word ? ` · ${word}` : ""}`),
  ];
}

function health(score: Score): HTMLElement {
  const total = HEALTH.reduce((sum, [name]) => sum + (score.health[name] ?? 0), 0);
  if (total === 0) return h("span", { class: "rb-faint" }, "–");
  const said = HEALTH.filter(([name]) => (score.health[name] ?? 0) > 0);
  const text = said.map(([name, words]) => `${percent((score.health[name] as number) / total)} ${words}`).join(", ");
  const bar = h("span", { class: "rb-co-health", role: "img", "aria-label": text, title: text });
  fill(bar, ...said.map(([name]) => h("i", { class: `rb-co-${name}`, style: `flex-grow:${score.health[name]}` })));
  return h(
    "span",
    { class: "rb-co-healthcell" },
    bar,
    h("span", { class: "rb-dim" }, `${percent((score.health.valid ?? 0) / total)} valid`),
  );
}

const clamp = (share: number) => Math.min(1, Math.max(0, share));
