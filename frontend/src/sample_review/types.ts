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
  note: string | null;
  tags: string[];
  later: boolean;
  conflict: boolean;
}

/** What one reviewer says of a row in conflict; of reasoning and response only where these are in conflict. */
export interface Version {
  who: string;
  you: boolean;
  verdict: Verdict | null;
  rating: number | null;
  note: string | null;
  reasoning: Fields;
  turns: { number: number; reasoning: Fields }[];
  response: string;
}

/** How a field of the reasoning is edited; what is not said is as by default. */
export interface FieldSpec {
  name: string;
  type: "text" | "number" | "boolean" | "choice" | "list";
  instruction?: string;
  options?: string[];
  minimum?: number;
  maximum?: number;
  optional?: boolean;
}

/** What a check saw; `text` stands in the field, after as many of its like as `before` says, or is empty. */
export interface Finding {
  flag: string;
  words: string;
  field: string | null;
  text: string;
  before: number;
}

/** An assistant turn before the last one; `at` is the place of its message. */
export interface Turn {
  number: number;
  at: number;
  reasoning: Fields;
  fields: FieldSpec[];
  teacher: Fields;
  flags: string[];
  findings: Finding[];
}

/** What one checker has found of a row as it stands now; conditions are names or a number of fields. */
export interface Audited {
  checker: string;
  verdict: string;
  fields: string[];
  answers: Record<string, string>;
  right: Record<string, boolean>;
  nats: Record<string, number>;
  known: number | null;
  derived: number | null;
  leaks: boolean;
}

export interface Full extends Summary {
  key: string;
  findings: Finding[];
  messages: Message[];
  turns: Turn[];
  reasoning: Fields;
  fields: FieldSpec[];
  teacher: Fields;
  full_response: string;
  data_response: string;
  response_calls: ToolCall[];
  audits: Audited[];
  proposal?: Proposal | null;
  versions: Version[];
  error: string | null;
  problem: string;
}

/** Name of a field or a column → what its cell has to be, in the words of Python's `condition`. */
export type Conditions = Record<string, string>;

export interface Query {
  status: string | null;
  verdict: string | null;
  rating: number | null;
  flag: string | null;
  text: string;
  split: string | null;
  field: Conditions | null;
  column: Conditions | null;
  tag: string | null;
  note: boolean | null;
  later: boolean | null;
  proposed: boolean | null;
  assigned: string | null;
  sort: string;
  descending: boolean | null;
}

/** Rows by what was decided; those in conflict are told where there are any. */
export interface Counts {
  accepted: number;
  rejected: number;
  undecided: number;
  conflict?: number;
  stale: number;
  rows: number;
}

export interface State {
  list: number;
  count: number;
  counts: Counts;
  can_undo: boolean;
  can_redo: boolean;
  later: number;
  proposed: number;
  tags: Record<string, number>;
  reviewer: string; // empty where nobody is named
  assigned: Record<string, number>; // reviewer → rows
}

export interface Window {
  list: number;
  start: number;
  rows: Summary[];
}

export interface Opened extends State {
  query: Query;
  options: { status: string[]; flag: string[]; sort: string[]; field: string[]; column: string[] };
  notes: string[];
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

/** What Python answers to an act on a row: the row, whole after an edit, and what of an edit it refused. */
export interface Acted {
  row: Summary;
  sample?: Full;
  refused?: Record<string, string>;
}

/** How many rows an act is about, and how many of them it changes; of an acceptance also what speaks against it. */
export interface Reach {
  rows: number;
  change: number;
  flagged?: number;
  promise?: string;
}

export interface Offer {
  reasoning: Fields;
  response: string;
  same: boolean;
}

/** An offer that waits for the row since a job over many rows has made it. */
export interface Proposal extends Offer {
  teacher: string;
  feedback: string;
}

export const NO_QUERY: Query = {
  status: null,
  verdict: null,
  rating: null,
  flag: null,
  text: "",
  split: null,
  field: null,
  column: null,
  tag: null,
  note: null,
  later: null,
  proposed: null,
  assigned: null,
  sort: "position",
  descending: null,
};
