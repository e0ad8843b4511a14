// What the Python side of the review sends; see reasonbook/widgets/sample_review.py.

import type { Message, ToolCall } from "../lib/tool_calls.ts";

export type Verdict = "accepted" | "rejected";
export type Value = string | number | boolean | null | string[] | { [name: string]: unknown };
export type Fields = [name: string, value: Value][];

export interface Summary {
  position: number;
  request: string;
  response: string;
  verdict: Verdict | null;
  rating: number | null;
  status: string | null;
  edited: boolean;
  flags: string[];
}

/** An assistant turn before the last one; `at` is the place of its message. */
export interface Turn {
  number: number;
  at: number;
  reasoning: Fields;
  teacher: Fields;
  flags: string[];
}

export interface Full extends Summary {
  key: string;
  messages: Message[];
  turns: Turn[];
  reasoning: Fields;
  teacher: Fields;
  full_response: string;
  data_response: string;
  response_calls: ToolCall[];
  error: string | null;
  problem: string;
}

export interface Query {
  status: string | null;
  verdict: string | null;
  rating: number | null;
  flag: string | null;
  text: string;
  split: string | null;
  sort: string;
}

export interface State {
  list: number;
  count: number;
  counts: { accepted: number; rejected: number; undecided: number; stale: number; rows: number };
  can_undo: boolean;
  can_redo: boolean;
}

export interface Window {
  list: number;
  start: number;
  rows: Summary[];
}

export interface Opened extends State {
  query: Query;
  options: { status: string[]; flag: string[]; sort: string[] };
  teacher: string;
  window: Window;
  at: number;
  samples: (Full & { place: number })[];
}

/** What Python says by itself: rows that changed, or `whole` where they are too many to name. */
export interface Push extends State {
  query: Query;
  whole: boolean;
  rows: Summary[];
}

export interface Offer {
  reasoning: Fields;
  response: string;
}

export const NO_QUERY: Query = {
  status: null,
  verdict: null,
  rating: null,
  flag: null,
  text: "",
  split: null,
  sort: "position",
};
