// What audits have found of a row: a strip of its fields, grey until the answer is known, and the blind answers.

import { type Child, h } from "../lib/dom.ts";
import { section } from "./parts.ts";
import type { Audited, Full } from "./types.ts";

const CONDITIONS = ["without", "with", "only"];
const WORDS: Record<string, string> = {
  without: "without the reasoning",
  with: "with the reasoning",
  only: "from the reasoning alone",
};

/** A section per checker; none where nobody has looked at the row as it stands now. */
export function auditStrip(row: Full): Child[] {
  return row.audits.map((audit) =>
    section(
      "Audit",
      h("span", { class: "rb-dim" }, `${audit.verdict} · by ${audit.checker}`),
      ...strip(audit),
      answers(audit),
    ),
  );
}

/** How far the answer is known at each step: 0 to 1, null where nobody asked. */
export function knownAt(audit: Audited): (number | null)[] {
  const steps = ["without", ...audit.fields.slice(1).map((_, i) => String(i + 1)), "with"];
  return steps.map((step) => {
    const nats = audit.nats[step];
    if (nats !== undefined) return Math.exp(-nats); // how likely the student is to answer so
    const right = audit.right[step];
    return right === undefined ? null : Number(right);
  });
}

function strip(audit: Audited): Child[] {
  const known = knownAt(audit);
  if (audit.fields.length < 2 || known.includes(null)) return [];
  const names = ["request", ...audit.fields];
  const steps = names.map((name, i) => {
    const said = [`${name}: ${percent(known[i] ?? 0)} known`];
    if (i === audit.known) said.push("known from here on");
    if (i === audit.derived) said.push("works the answer out");
    return h(
      "span",
      {
        class: "rb-step",
        role: "listitem",
        title: said.join(", "),
        "aria-label": said.join(", "),
        "data-known": i === audit.known ? (audit.leaks ? "leak" : "here") : null,
        "data-derives": i === audit.derived,
        style: `--known:${known[i]}`,
      },
      h("span", { class: "rb-step-bar" }),
      h("span", { class: "rb-step-name" }, name),
    );
  });
  return [h("div", { class: "rb-strip", role: "list", "aria-label": "Where the answer becomes known" }, ...steps)];
}

function answers(audit: Audited): Child {
  const told = CONDITIONS.flatMap((condition) => {
    const nats = audit.nats[condition];
    const text = audit.answers[condition] ?? (nats === undefined ? undefined : `${nats.toFixed(1)} nats`);
    if (text === undefined) return [];
    const right = audit.right[condition];
    return h(
      "div",
      { class: "rb-blind", "data-right": right === undefined ? null : String(right) },
      h("span", { class: "rb-dim" }, WORDS[condition] ?? condition),
      h("span", { class: "rb-blind-text" }, text),
      right === undefined
        ? null
        : h("span", { class: "rb-blind-mark" }, right ? "✓ as in the data" : "✗ not as in the data"),
    );
  });
  return h("div", { class: "rb-blinds" }, ...told);
}

const percent = (share: number) => `${Math.round(100 * share)} %`;
