import assert from "node:assert/strict";
import { test } from "node:test";
import { CallError } from "../lib/rpc.ts";
import { type Change, ReviewStore } from "./store.ts";
import { type Full, NO_QUERY, type Summary } from "./types.ts";

const row = (position: number, more: Partial<Summary> = {}): Summary => ({
  position,
  request: `request ${position}`,
  response: "r",
  verdict: null,
  rating: null,
  status: "ok",
  edited: false,
  flags: [],
  note: null,
  tags: [],
  later: false,
  conflict: false,
  ...more,
});
const full = (position: number): Full => ({
  ...row(position),
  key: `k${position}`,
  messages: [],
  findings: [],
  turns: [],
  reasoning: [["Intent", "x"]],
  fields: [{ name: "Intent", type: "text" }],
  teacher: [["Intent", "x"]],
  full_response: "r",
  data_response: "r",
  response_calls: [],
  audits: [],
  versions: [],
  error: null,
  problem: "",
});
const counts = { accepted: 0, rejected: 0, undecided: 30, stale: 0, rows: 30 };

/** A Python side whose answers the test gives by hand. */
class Other {
  asked: { op: string; args: object; answer(result: unknown): void; refuse(problem: string): void }[] = [];
  fetched = 0;
  looks: object[] = [];
  deliver: (samples: object[]) => void = () => {};
  state = {
    list: 0,
    count: 30,
    counts,
    can_undo: false,
    can_redo: false,
    later: 0,
    proposed: 0,
    tags: {},
    reviewer: "",
    assigned: {},
  };
  call = <T>(op: string, args: object = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      if (op === "snapshot")
        return resolve({
          ...this.state,
          query: NO_QUERY,
          options: { status: [], flag: [], sort: [], field: [], column: [] },
          notes: [],
          teacher: "",
          at: 0,
          window: { list: 0, start: 0, rows: Array.from({ length: 30 }, (_, i) => row(i)) },
          samples: [0, 1, 2].map((place) => ({ place, ...full(place) })),
        } as T);
      if (op === "look") this.looks.push(args);
      if (op === "samples") {
        this.fetched++;
        this.deliver = (samples) => resolve(samples as T);
      }
      if (op === "samples" || op === "look" || op === "check") return;
      this.asked.push({
        op,
        args,
        answer: (result) => resolve(result as T),
        refuse: (problem) => reject(new CallError({ problem, fix: "" })),
      });
    });
}

async function opened() {
  const other = new Other();
  const changes: Change[] = [];
  const failures: unknown[] = [];
  const store = new ReviewStore(
    other,
    (what) => changes.push(what),
    (error) => failures.push(error),
  );
  await store.open();
  return { store, other, changes, failures };
}
const settled = () => new Promise((go) => setImmediate(go));

test("a decision shows at once, goes on to the next row, and is counted", async () => {
  const { store, other } = await opened();
  store.decide("accepted");
  assert.equal(store.at, 1);
  assert.equal(store.summary(0)?.verdict, "accepted");
  assert.deepEqual([store.state.counts.accepted, store.state.counts.undecided], [1, 29]);
  assert.deepEqual(other.asked[0]?.args, { position: 0, key: "k0", verdict: "accepted" });
});

test("without auto-advance one stays", async () => {
  const { store } = await opened();
  store.autoAdvance = false;
  store.decide("rejected");
  assert.equal(store.at, 0);
  assert.equal(store.current?.verdict, "rejected");
});

test("Python's late answer to an earlier act does not undo what was done since", async () => {
  const { store, other } = await opened();
  store.autoAdvance = false;
  store.decide("accepted");
  store.rate(4);
  other.asked[0]?.answer({ ...other.state, counts: { ...counts, accepted: 1 }, row: row(0, { verdict: "accepted" }) });
  await settled();
  assert.equal(store.summary(0)?.rating, 4);
  other.asked[1]?.answer({ ...other.state, can_undo: true, row: row(0, { verdict: "accepted", rating: 4 }) });
  await settled();
  assert.equal(store.summary(0)?.rating, 4);
  assert.equal(store.state.can_undo, true);
});

test("a refused act is taken back and said", async () => {
  const { store, other, failures } = await opened();
  store.autoAdvance = false;
  store.decide("accepted");
  other.asked[0]?.refuse("The frame has changed.");
  await settled();
  assert.equal(failures.length, 1);
  assert.deepEqual(store.state.counts, counts);
  assert.equal(store.current, undefined, "the row is asked for again");
});

test("a row that is not here yet cannot be judged", async () => {
  const { store, other } = await opened();
  store.go(20);
  assert.equal(store.current, undefined);
  store.decide("accepted");
  assert.equal(other.asked.length, 0);
});

test("acts from elsewhere change rows and counts, but not a row that waits for its own answer", async () => {
  const { store, other } = await opened();
  store.decide("accepted");
  const news = { ...other.state, counts: { ...counts, rejected: 2 }, query: NO_QUERY, whole: false };
  store.news({ ...news, rows: [row(0), row(5, { verdict: "rejected" })] });
  assert.equal(store.summary(0)?.verdict, "accepted");
  assert.equal(store.summary(5)?.verdict, "rejected");
  other.asked[0]?.answer({ ...other.state, counts: { ...counts, accepted: 1 }, row: row(0, { verdict: "accepted" }) });
  await settled();
  assert.equal(store.state.counts.accepted, 1);
});

test("the echo of one's own act fetches nothing, a change from elsewhere fetches the row and shows the old one meanwhile", async () => {
  const { store, other } = await opened();
  store.autoAdvance = false;
  store.decide("accepted");
  const done = row(0, { verdict: "accepted" });
  other.asked[0]?.answer({ ...other.state, row: done });
  await settled();
  const news = { ...other.state, query: NO_QUERY, whole: false };
  const before = other.fetched;
  store.news({ ...news, rows: [done] });
  assert.equal(other.fetched, before);
  store.news({ ...news, rows: [row(0, { verdict: "accepted", edited: true })] });
  assert.equal(other.fetched, before + 1);
  assert.equal(store.current?.key, "k0");
});

test("Python hears where the reader is, even when the row comes late", async () => {
  const { store, other } = await opened();
  const wait = () => new Promise((go) => setTimeout(go, 350));
  other.state.count = 100;
  store.news({ ...other.state, query: NO_QUERY, whole: false, rows: [] });
  store.go(99);
  await wait();
  assert.deepEqual(other.looks, [], "nobody knows yet which row that is");
  other.deliver([{ place: 99, ...full(7) }]);
  await wait();
  assert.deepEqual(other.looks, [{ position: 7 }]);
});

test("one cannot go beyond either end", async () => {
  const { store } = await opened();
  assert.equal(store.step(-1), false);
  store.go(Infinity);
  assert.equal(store.at, 29);
  assert.equal(store.step(1), false);
  store.go(-5);
  assert.equal(store.at, 0);
});

test("an edit of an earlier turn is shown at once, and sent with its number", async () => {
  const { store, other } = await opened();
  const row = store.current as Full;
  const fields: [string, string][] = [["Intent", "old"]];
  row.turns = [{ number: 0, at: 1, reasoning: fields, fields: [], teacher: fields, flags: [], findings: [] }];
  void store.edit({ Intent: "new" }, null, 0);
  assert.deepEqual(store.current?.turns[0]?.reasoning, [["Intent", "new"]]);
  assert.deepEqual(store.current?.reasoning, [["Intent", "x"]]);
  assert.deepEqual(other.asked[0]?.args, {
    position: 0,
    key: "k0",
    reasoning: { Intent: "new" },
    response: null,
    turn: 0,
  });
  store.takeRepair({ reasoning: [["Intent", "repaired"]], response: "other", same: false }, 0);
  assert.deepEqual(store.current?.turns[0]?.reasoning, [["Intent", "repaired"]]);
  assert.equal(store.current?.full_response, "r", "the last response stays");
});

test("a conflict is counted as one until a version stands", async () => {
  const { store, other } = await opened();
  const inConflict = { ...counts, undecided: 29, conflict: 1 };
  other.state = { ...other.state, counts: inConflict };
  await store.open();
  const version = { rating: null, note: null, reasoning: [], turns: [], response: "", you: false };
  const versions = [
    { ...version, who: "ana", verdict: "accepted" as const },
    { ...version, who: "ben", verdict: "rejected" as const },
  ];
  store.settle(1);
  assert.equal(other.asked.length, 0);
  Object.assign(store.current as Full, { conflict: true, versions });
  store.settle(1);
  assert.deepEqual(other.asked[0]?.args, { position: 0, key: "k0", who: "ben" });
  assert.deepEqual([store.state.counts.conflict, store.state.counts.rejected, store.at], [0, 1, 1]);
});
