// What a teacher proposes for the row, beside what stands there; one takes it or leaves it.

import { type Child, h } from "../lib/dom.ts";
import { section } from "./parts.ts";
import type { ReviewStore } from "./store.ts";
import type { Full, Value } from "./types.ts";
import { diffView, sameValue, valueText } from "./values.ts";

/** The section of the waiting proposal; nothing where none waits. `done` hears when it was taken or left. */
export function proposalView(row: Full, store: ReviewStore, done: () => void): Child[] {
  const { proposal } = row;
  if (!proposal) return [];
  const before = new Map<string, Value>(row.reasoning);
  const line = (name: string, old: string, now: string) =>
    h(
      "div",
      { class: "rb-field" },
      h("div", { class: "rb-field-name" }, name),
      h("div", { class: "rb-field-value" }, diffView(old, now)),
    );
  const lines = proposal.reasoning
    .filter(([name, value]) => !sameValue(before.get(name), value))
    .map(([name, value]) => line(name, valueText(before.get(name)), valueText(value)));
  if (proposal.response !== row.full_response) lines.push(line("Response", row.full_response, proposal.response));
  const said = [proposal.teacher, proposal.feedback && `“${proposal.feedback}”`].filter(Boolean).join(" · ");
  const button = (kind: string, words: string, act: () => void) => {
    const onclick = () => {
      act();
      done(); // the button goes, and the keys with it
    };
    return h("button", { class: `rb-button ${kind}`, onclick }, words);
  };
  return [
    section(
      "Proposal",
      h("span", { class: "rb-dim rb-text" }, said),
      h("div", { class: "rb-fields" }, ...lines),
      h(
        "div",
        { class: "rb-edit-bar" },
        button("rb-primary", "Take it", () => store.takeProposal(proposal)),
        button("", "Leave it", () => store.declineProposal()),
      ),
    ),
  ];
}
