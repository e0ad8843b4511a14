// One held-out row: what was asked and expected, and what each run thought and answered, side by side.
import { type Child, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import type { Message } from "../lib/tool_calls.ts";

export interface Reply {
  answer: string;
  thinking: string;
  text: string;
  health: string;
  correct: boolean | null;
  score: number | null;
  tokens: number | null;
}

export interface Row {
  index: number;
  position: number | null;
  prompt: string;
  /** What was said up to the answer; the prompt is the last of it. */
  messages: Message[];
  expected: string;
  /** One for each run; null where a run has none. */
  replies: (Reply | null)[];
  /** Whether a person agrees with the grade of each. */
  judged: (boolean | null)[];
}

/** Says of the grade of a run in a row whether it is right; null takes that back. */
export type Judge = (row: number, run: number, agree: boolean | null) => void;

const HEALTH: Record<string, string> = {
  empty: "empty thinking",
  unfinished: "thinking not finished",
  missing: "no thinking",
};

export function rowCard(row: Row, labels: string[], open: boolean, reader: Reader, judge: Judge): HTMLElement {
  return h(
    "article",
    { class: "rb-co-row", tabindex: -1, "data-index": row.index },
    h(
      "header",
      { class: "rb-co-head" },
      h("span", { class: "rb-dim rb-co-number" }, row.position === null ? `#${row.index + 1}` : `row ${row.position}`),
      h("div", {}, ...asked(row, reader)),
      h("div", { class: "rb-co-expected" }, h("span", { class: "rb-dim" }, "expected"), reader.text(row.expected)),
    ),
    h(
      "div",
      { class: "rb-co-replies" },
      ...row.replies.map((reply, index) =>
        replyCard(reply, labels[index] ?? "", index, open, reader, judging(row, index, labels[index] ?? "", judge)),
      ),
    ),
  );
}

/** What is answered, below what was said before it, which is folded. */
function asked({ prompt, messages }: Row, reader: Reader): Child[] {
  const last = messages.at(-1);
  const shown = last?.role === "tool" ? reader.message(last) : [reader.text(prompt, "rb-co-prompt")];
  const before = messages.slice(0, -1);
  if (before.length === 0) return shown;
  const count = `${before.length} earlier ${before.length === 1 ? "message" : "messages"}`;
  const fold = h("details", { class: "rb-co-earlier" }, h("summary", {}, count));
  const turn = (message: Message) =>
    h(
      "div",
      {},
      message.role === "tool" ? null : h("div", { class: "rb-label" }, message.role),
      ...reader.message(message),
    );
  fold.addEventListener("toggle", () => fold.childElementCount === 1 && fold.append(...before.map(turn)));
  return [fold, ...shown];
}

/** Two small buttons by which a person agrees with a grade or not. */
function judging(row: Row, run: number, label: string, judge: Judge): HTMLElement {
  const button = (sign: string, words: string, agree: boolean) =>
    h(
      "button",
      {
        class: "rb-button rb-quiet",
        "data-agree": agree,
        title: words,
        "aria-label": `${words}: ${label}`,
        onclick: () => judge(row.index, run, row.judged[run] === agree ? null : agree),
      },
      sign,
    );
  const element = h(
    "span",
    { class: "rb-co-judge", role: "group", "aria-label": `The grade of ${label}` },
    button("agree", "The grade is right", true),
    button("disagree", "The grade is not right", false),
  );
  paintJudged(element, row.judged[run] ?? null);
  return element;
}

/** Shows what was said of a grade. */
export function paintJudged(element: Element, said: boolean | null): void {
  for (const button of element.querySelectorAll<HTMLElement>("button"))
    button.setAttribute("aria-pressed", String(said !== null && button.dataset.agree === String(said)));
}

function replyCard(
  reply: Reply | null,
  label: string,
  index: number,
  open: boolean,
  reader: Reader,
  judging: HTMLElement,
): HTMLElement {
  const root = h("section", { class: "rb-co-reply", style: `--run:var(--rb-run-${index % 6})`, "aria-label": label });
  if (reply === null) {
    root.append(h("span", { class: "rb-faint" }, "not answered"));
    return root;
  }
  const mark = reply.correct === null ? "" : reply.correct ? "✓" : "✗";
  const said = reply.correct === null ? "" : reply.correct ? "right" : "wrong";
  const sick = HEALTH[reply.health];
  root.append(
    h(
      "div",
      { class: "rb-co-answer" },
      mark ? h("span", { class: `rb-co-mark rb-co-${said}`, role: "img", "aria-label": said }, mark) : null,
      reader.text(reply.answer || (reply.thinking ? "(no answer)" : reply.text) || "(nothing written)"),
      h("span", { class: "rb-grow" }),
      reply.score !== null && reply.correct === null ? h("span", { class: "rb-dim" }, reply.score.toFixed(2)) : null,
      sick && reply.thinking + reply.answer !== reply.answer ? h("span", { class: "rb-co-sick" }, sick) : null,
      judging,
      reply.tokens === null ? null : h("span", { class: "rb-faint rb-co-number" }, `${reply.tokens} tokens`),
    ),
  );
  if (reply.thinking) {
    root.append(
      h("details", { class: "rb-co-thinking", open }, h("summary", {}, "Thinking"), reader.text(reply.thinking)),
    );
  }
  return root;
}
