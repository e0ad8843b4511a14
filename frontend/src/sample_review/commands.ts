// What the keys of the review do.

import type { Command } from "../lib/keys.ts";
import type { Verdict } from "./types.ts";

export interface Acts {
  decide(verdict: Verdict | null): void;
  rate(rating: number | null): void;
  step(by: number): void;
  jump(to: number): void;
  edit(): void;
  repair(): void;
  confirm(): void;
  settle(which: number): void;
  note(): void;
  tag(): void;
  later(): void;
  columns(): void;
  compare(): void;
  raw(): void;
  turn(op: "undo" | "redo"): void;
  scroll(): void;
  search(): void;
  save(): void;
  escape(): void;
  keys(): void;
  /** Where the reader is in the list. */
  place(): number;
  /** Runs what needs the row as soon as the row is here; `opens` where text is typed after it. */
  whenLoaded(run: () => void, opens?: boolean): void;
  /** Whether a field is about to open: what is typed meanwhile is text, not commands. */
  opening(): boolean;
}

type More = Pick<Command, "hint" | "typing" | "sheet">;

export function reviewCommands(to: Acts): Command[] {
  const act = (id: string, label: string, keys: string[], run: () => void, more: More = {}): Command => ({
    id,
    label,
    keys,
    hint: false,
    run: () => (to.opening() ? undefined : run()),
    ...more,
  });
  const judge = (id: string, label: string, keys: string[], run: () => void, opens = false) =>
    act(id, label, keys, () => to.whenLoaded(run, opens));
  return [
    judge("accept", "accept", ["a"], () => to.decide("accepted")),
    judge("reject", "reject", ["r"], () => to.decide("rejected")),
    judge("skip", "skip", ["s"], () => to.step(1)),
    judge("clear", "take verdict off", ["x"], () => to.decide(null)),
    ...[1, 2, 3, 4, 5].map((n) => judge(`rate${n}`, `rate ${n}`, [String(n)], () => to.rate(n))),
    judge("rate0", "take rating off", ["0"], () => to.rate(null)),
    judge("edit", "edit", ["e"], () => to.edit(), true),
    judge("repair", "repair", ["f"], () => to.repair(), true),
    judge("confirm", "stale reasoning still fits", ["c"], () => to.confirm()),
    judge("takeFirst", "in a conflict: the first version stands", ["q"], () => to.settle(0)),
    judge("takeSecond", "in a conflict: the second version stands", ["w"], () => to.settle(1)),
    judge("note", "write a note", ["n"], () => to.note(), true),
    judge("tag", "tag", ["t"], () => to.tag(), true),
    judge("later", "put aside for later", ["l"], () => to.later()),
    act("columns", "other columns", ["o"], () => to.columns()),
    act("compare", "show changes", ["d"], () => to.compare()),
    act("raw", "text as it is written", ["m"], () => to.raw()),
    act("undo", "undo", ["u", "Ctrl+z"], () => to.turn("undo")),
    act("redo", "redo", ["U", "Ctrl+Z", "Ctrl+y"], () => to.turn("redo")),
    act("next", "next", ["j", "ArrowDown"], () => to.step(1), { hint: true }),
    act("previous", "previous", ["k", "ArrowUp"], () => to.step(-1), { hint: true }),
    act("further", "ten further", ["PageDown", "J"], () => to.jump(to.place() + 10)),
    act("back", "ten back", ["PageUp", "K"], () => to.jump(to.place() - 10)),
    act("first", "first", ["Home", "g"], () => to.jump(0)),
    act("last", "last", ["End", "G"], () => to.jump(Infinity)),
    act("scroll", "scroll the row", [" "], () => to.scroll()),
    act("search", "search", ["/"], () => to.search(), { hint: true }),
    act("save", "save an edit, send feedback", ["Ctrl+Enter"], () => to.save(), { typing: true }),
    act("leave", "leave a field, then the widget", ["Escape"], () => to.escape(), { typing: true, sheet: true }),
    act("keys", "keys", ["?"], () => to.keys(), { sheet: true }),
  ];
}
