import assert from "node:assert/strict";
import { test } from "node:test";
import { CallError } from "../lib/rpc.ts";
import { type Change, Desk } from "./desk.ts";
import { type Full, NO_QUERY, type Summary } from "./types.ts";

const row = (position: number, more: Partial<Summary> = {}): Summary => ({
  position, request: `request ${position}`, response: "r", verdict: null, rating: null, status: "ok",
  edited: false, flags: [], ...more,
});
const full = (position: number): Full => ({
  ...row(position), key: `k${position}`, messages: [], reasoning: [["Intent", "x"]], teacher: [["Intent", "x"]],
  full_response: "r", data_response: "r", error: null, problem: "",
});
const counts = { accepted: 0, rejected: 0, undecided: 30, stale: 0, rows: 30 };

/** A Python side whose answers the test gives by hand. */
class Other {
  asked: { op: string; args: any; answer(result: unknown): void; refuse(problem: string): void }[] = [];
  fetched = 0;
  state = { list: 0, count: 30, counts, can_undo: false, can_redo: false };
  call = <T,>(op: string, args: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      if (op === "snapshot")
        return resolve({
          ...this.state, query: NO_QUERY, options: { status: [], flag: [], sort: [] }, teacher: "", at: 0,
          window: { list: 0, start: 0, rows: Array.from({ length: 30 }, (_, i) => row(i)) },
          samples: [0, 1, 2].map((place) => ({ place, ...full(place) })),
        } as T);
      if (op === "samples") this.fetched++;
      if (op === "samples" || op === "look" || op === "check") return;
      this.asked.push({
        op, args, answer: (result) => resolve(result as T),
        refuse: (problem) => reject(new CallError({ problem, fix: "" })),
      });
    });
}

async function opened() {
  const other = new Other();
  const changes: Change[] = [];
  const failures: unknown[] = [];
  const desk = new Desk(other, (what) => changes.push(what), (error) => failures.push(error));
  await desk.open();
  return { desk, other, changes, failures };
}
const settled = () => new Promise((go) => setImmediate(go));

test("a decision shows at once, goes on to the next row, and is counted", async () => {
  const { desk, other } = await opened();
  desk.decide("accepted");
  assert.equal(desk.at, 1);
  assert.equal(desk.summary(0)?.verdict, "accepted");
  assert.deepEqual([desk.state.counts.accepted, desk.state.counts.undecided], [1, 29]);
  assert.deepEqual(other.asked[0]?.args, { position: 0, key: "k0", verdict: "accepted" });
});

test("without auto-advance one stays", async () => {
  const { desk } = await opened();
  desk.autoAdvance = false;
  desk.decide("rejected");
  assert.equal(desk.at, 0);
  assert.equal(desk.current?.verdict, "rejected");
});

test("Python's late answer to an earlier act does not undo what was done since", async () => {
  const { desk, other } = await opened();
  desk.autoAdvance = false;
  desk.decide("accepted");
  desk.rate(4);
  other.asked[0]?.answer({ ...other.state, counts: { ...counts, accepted: 1 }, row: row(0, { verdict: "accepted" }) });
  await settled();
  assert.equal(desk.summary(0)?.rating, 4);
  other.asked[1]?.answer({ ...other.state, can_undo: true, row: row(0, { verdict: "accepted", rating: 4 }) });
  await settled();
  assert.equal(desk.summary(0)?.rating, 4);
  assert.equal(desk.state.can_undo, true);
});

test("a refused act is taken back and said", async () => {
  const { desk, other, failures } = await opened();
  desk.autoAdvance = false;
  desk.decide("accepted");
  other.asked[0]?.refuse("The frame has changed.");
  await settled();
  assert.equal(failures.length, 1);
  assert.deepEqual(desk.state.counts, counts);
  assert.equal(desk.current, undefined, "the row is asked for again");
});

test("a row that is not here yet cannot be judged", async () => {
  const { desk, other } = await opened();
  desk.go(20);
  assert.equal(desk.current, undefined);
  desk.decide("accepted");
  assert.equal(other.asked.length, 0);
});

test("acts from elsewhere change rows and counts, but not a row that waits for its own answer", async () => {
  const { desk, other } = await opened();
  desk.decide("accepted");
  const news = { ...other.state, counts: { ...counts, rejected: 2 }, query: NO_QUERY, whole: false };
  desk.news({ ...news, rows: [row(0), row(5, { verdict: "rejected" })] });
  assert.equal(desk.summary(0)?.verdict, "accepted");
  assert.equal(desk.summary(5)?.verdict, "rejected");
  other.asked[0]?.answer({ ...other.state, counts: { ...counts, accepted: 1 }, row: row(0, { verdict: "accepted" }) });
  await settled();
  assert.equal(desk.state.counts.accepted, 1);
});

test("the echo of one's own act fetches nothing, a change from elsewhere fetches the row and shows the old one meanwhile", async () => {
  const { desk, other } = await opened();
  desk.autoAdvance = false;
  desk.decide("accepted");
  const done = row(0, { verdict: "accepted" });
  other.asked[0]?.answer({ ...other.state, row: done });
  await settled();
  const news = { ...other.state, query: NO_QUERY, whole: false };
  const before = other.fetched;
  desk.news({ ...news, rows: [done] });
  assert.equal(other.fetched, before);
  desk.news({ ...news, rows: [row(0, { verdict: "accepted", edited: true })] });
  assert.equal(other.fetched, before + 1);
  assert.equal(desk.current?.key, "k0");
});

test("one cannot go beyond either end", async () => {
  const { desk } = await opened();
  assert.equal(desk.step(-1), false);
  desk.go(Infinity);
  assert.equal(desk.at, 29);
  assert.equal(desk.step(1), false);
  desk.go(-5);
  assert.equal(desk.at, 0);
});
