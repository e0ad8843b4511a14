// The transcript as the page knows it, and how news from Python changes it.

export interface Answer {
  thinking: string;
  answer: string;
  state: "waiting" | "writing" | "done" | "stopped" | "failed";
  health: string;
  tokens: number;
  seconds: number;
  error: [string, string];
}

export interface Turn {
  question: string;
  answers: Answer[];
}

export interface Transcript {
  labels: string[];
  /** Whether each student was trained to think, so that missing thinking is worth a word. */
  thinks: boolean[];
  answering: boolean;
  /** Number of the first turn that the page holds. */
  first: number;
  turns: Turn[];
}

/** A piece: more text behind known lengths; or, when the answer ends, all of it. */
export type News = { turn: number; student: number } & (
  | { at: [number, number]; more: [string, string]; state: Answer["state"]; tokens: number; seconds: number }
  | Answer
);

/** Takes news in; false when a piece does not fit what is known, so that the whole transcript is needed. */
export function take(transcript: Transcript, news: News): Answer | false {
  const answer = transcript.turns[news.turn - transcript.first]?.answers[news.student];
  if (answer === undefined) return false;
  if (!("more" in news)) {
    const { turn: _turn, student: _student, ...whole } = news;
    return Object.assign(answer, whole);
  }
  const [thinking, said] = news.at;
  if (thinking > answer.thinking.length || said > answer.answer.length) return false;
  answer.thinking = answer.thinking.slice(0, thinking) + news.more[0];
  answer.answer = answer.answer.slice(0, said) + news.more[1];
  answer.state = news.state;
  answer.tokens = news.tokens;
  answer.seconds = news.seconds;
  return answer;
}

const HEALTH: Record<string, string> = {
  empty: "empty thinking",
  unfinished: "thinking not finished",
  missing: "no thinking",
};

/** The line under an answer. */
export function footnote(answer: Answer, thinks = true): string {
  const speed = answer.seconds > 0 ? `${(answer.tokens / answer.seconds).toFixed(0)} tokens/s` : "";
  const parts = [
    answer.tokens > 0 ? `${answer.tokens} tokens` : "",
    speed,
    thinks ? (HEALTH[answer.health] ?? "") : "",
  ];
  if (answer.state === "stopped") parts.push("stopped");
  return parts.filter(Boolean).join(" · ");
}

/** What stands on the fold of the thinking. */
export function foldLabel(answer: Answer): string {
  if (answer.state === "writing" && answer.answer === "") return "Thinking…";
  return answer.thinking === "" ? "" : "Thought";
}
