// What the Python side of the progress sends; see reasonbook/widgets/augment_progress.py.

export interface Progress {
  total: number;
  done: number; // cached ones included
  failed: number;
  cached: number;
  in_flight: number;
  rate: number | null;
  eta: number | null;
  cost: number | null; // unknown where the price is
  budget: number | null;
  turns: number; // assistant turns that are asked for; more than rows where conversations have several
  turns_done: number;
  brake: string; // what keeps the calls from going faster
  elsewhere: number; // rows that another notebook asks at this moment
  paused: string; // why no rows come in at the moment, in words; empty while they may
}

export interface State {
  status: string;
  running: boolean;
  stopping: boolean;
  seconds: number;
  error: { problem: string; fix: string } | null;
  progress: Progress;
  teacher: string;
  method: string;
  newest: { position: number; request: string; error: string | null; reasoning: [string, string][] }[];
  errors: { cause: string; count: number; positions: number[] }[];
  notes: string[];
}

/** Parts of the bar, from 0 to 1; together never more than 1. */
export function shares(p: Progress): { cached: number; fresh: number; failed: number; flight: number } {
  const all = Math.max(1, p.total);
  const cached = Math.min(p.cached, p.done) / all;
  const fresh = Math.max(0, p.done - p.cached) / all;
  const failed = p.failed / all;
  const flight = Math.max(0, Math.min(p.in_flight / all, 1 - cached - fresh - failed));
  return { cached, fresh, failed, flight };
}

/** Beside the rows that are done: of how many, and how many turns, where rows have several. */
export function outOf({ total, turns, turns_done }: Pick<Progress, "total" | "turns" | "turns_done">): string {
  const n = (count: number) => count.toLocaleString("en");
  return turns > total ? `of ${n(total)} · ${n(turns_done)} of ${n(turns)} turns` : `of ${n(total)}`;
}

/** What is waited for; empty where nothing is. */
export function waits({ elsewhere }: Pick<Progress, "elsewhere">): string {
  if (elsewhere === 0) return "";
  return `${elsewhere.toLocaleString("en")} ${elsewhere === 1 ? "row is" : "rows are"} being asked by another notebook`;
}

/** The status in words a person uses. */
export function statusWords({ status, stopping, progress }: Pick<State, "status" | "stopping" | "progress">): string {
  if (stopping) return "Stopping";
  if (status === "RUNNING" && progress.paused) return "Paused";
  const words: Record<string, string> = {
    CREATED: "Not started",
    RUNNING: "Running",
    PAUSED: "Paused",
    COMPLETED: "Complete",
    PARTIAL: progress.failed > 0 ? "Done, with failures" : "Done in part",
    FAILED: "Failed",
    CANCELLED: "Stopped",
  };
  return words[status] ?? status;
}
