// Written by `make frontend` from reasonbook/chat/loop_report.py; change it there.

/** One step of the closed loop. */
export interface PlayedStep {
  step: "build" | "prompt" | "stop" | "parse" | "stream" | "history" | "served";
  state: "passed" | "broken" | "not reached" | "not asked";
  said: string;
  fix: string;
}

/** What a perfect student makes of a training row. */
export interface PlayedRow {
  story: string;
  start: number;
  stop: number;
  end: number;
  thinking: string;
  answer: string;
  row_thinking: string;
  row_answer: string;
  steps: PlayedStep[];
}
