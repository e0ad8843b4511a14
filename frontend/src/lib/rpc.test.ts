import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CallError, KernelGone, Link, type LinkState, type Listener, Superseded } from "./rpc.ts";

type Sent = { call: string; op: string; args: Record<string, unknown> };
/** What the page gives along with a message, to hear what becomes of it. */
type Callbacks = (() => void) & { iopub: { status(message: object): void } };

/** A comm that records what is sent and answers when the test says so. */
class Comm {
  sent: Sent[] = [];
  private told: Callbacks[] = [];
  private heard: Record<string, Listener[]> = {};
  constructor(private readonly subject = "review:1") {}
  get(name: string) {
    return name === "subject" ? this.subject : undefined;
  }
  set() {}
  save_changes() {}
  send(content: unknown, callbacks?: unknown) {
    this.sent.push(content as Sent);
    this.told.push(callbacks as Callbacks);
  }
  /** marimo calls what it is given as soon as the message is on its way. */
  called(index: number) {
    this.told[index]?.();
  }
  /** The kernel's own word on a message, as Jupyter passes it on. */
  status(index: number, execution_state: "busy" | "idle") {
    this.told[index]?.iopub.status({ header: { msg_type: "status" }, content: { execution_state } });
  }
  on(name: string, callback: Listener) {
    this.heard[name] = [...(this.heard[name] ?? []), callback];
  }
  off(name: string | null, callback?: Listener | null) {
    if (name !== null) this.heard[name] = (this.heard[name] ?? []).filter((kept) => kept !== callback);
  }
  say(content: object, buffers: DataView[] = []) {
    for (const callback of this.heard["msg:custom"] ?? []) callback(content, buffers);
  }
  drop() {
    for (const callback of this.heard["comm:close"] ?? []) callback(undefined);
  }
}

class Store {
  kept = new Map<string, string>();
  getItem = (name: string) => this.kept.get(name) ?? null;
  setItem = (name: string, value: string) => void this.kept.set(name, value);
  removeItem = (name: string) => void this.kept.delete(name);
}

function open(store = new Store()) {
  mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_000_000 });
  const comm = new Comm();
  const ending = new AbortController();
  const link = new Link(comm, ending.signal, store);
  const states: LinkState[] = [];
  link.onState((state) => states.push(state));
  const end = () => {
    ending.abort();
    mock.timers.reset();
  };
  return { comm, link, states, store, end };
}

test("an answer reaches its own call, whatever the order", async () => {
  const { comm, link, end } = open();
  const first = link.call("row", { at: 1 });
  const second = link.call("row", { at: 2 });
  assert.deepEqual(
    comm.sent.map((call) => call.args),
    [{ at: 1 }, { at: 2 }],
  );
  comm.say({ call: comm.sent[1]?.call, ok: true, result: "two" });
  comm.say({ call: comm.sent[0]?.call, ok: true, result: "one" });
  assert.equal(await first, "one");
  assert.equal(await second, "two");
  end();
});

test("a refusal carries the problem and the fix", async () => {
  const { comm, link, end } = open();
  const refused = link.call("accept", {}, { once: true });
  comm.say({ call: comm.sent[0]?.call, ok: false, error: { problem: "No such row.", fix: "review.row(0)" } });
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof CallError);
    assert.deepEqual(error.failure, { problem: "No such row.", fix: "review.row(0)" });
    return true;
  });
  end();
});

test("silence shows as busy with the changes counted; an answer ends it", async () => {
  const { comm, link, states, end } = open();
  const read = link.call("page");
  const change = link.call("accept", {}, { once: true });
  mock.timers.tick(600);
  assert.equal(link.state.phase, "ready");
  mock.timers.tick(400);
  assert.deepEqual(link.state, { phase: "busy", queued: 1 });
  comm.say({ call: comm.sent[0]?.call, ok: true, result: 0 });
  comm.say({ call: comm.sent[1]?.call, ok: true, result: 0 });
  await Promise.all([read, change]);
  assert.deepEqual(states.at(-1), { phase: "ready", queued: 0 });
  end();
});

test("only the oldest call is sent again while the kernel is silent, under the same id", () => {
  const { comm, link, end } = open();
  void link.call("accept", { at: 1 }, { once: true });
  void link.call("accept", { at: 2 }, { once: true });
  mock.timers.tick(8_600);
  assert.equal(comm.sent.length, 3);
  assert.deepEqual(comm.sent[2], comm.sent[0]);
  comm.say({ call: comm.sent[0]?.call, ok: true, result: 0 });
  assert.deepEqual(comm.sent[3], comm.sent[1]);
  end();
});

test("what the kernel dropped is asked again, ever less often, until it is answered; an idle kernel is not called busy", async () => {
  const { comm, link, states, end } = open();
  const first = link.call("snapshot", {}, { lane: "snapshot" });
  const gaps: number[] = [];
  for (let at = 0, seen = 1, since = 0; gaps.length < 9; at += 50) {
    comm.status(comm.sent.length - 1, "busy");
    comm.status(comm.sent.length - 1, "idle");
    mock.timers.tick(50);
    if (comm.sent.length === seen) continue;
    gaps.push(Math.round((at - since) / 1000));
    [seen, since] = [comm.sent.length, at];
  }
  assert.deepEqual(gaps, [0, 1, 1, 2, 4, 8, 16, 30, 30]);
  assert.deepEqual(new Set(comm.sent.map(({ call }) => call)).size, 1);
  assert.deepEqual(
    states.map(({ phase }) => phase),
    ["ready", "unanswered"],
  );
  comm.say({ call: comm.sent[0]?.call, ok: true, result: "curves" });
  assert.equal(await first, "curves");
  assert.equal(link.state.phase, "ready");
  mock.timers.tick(60_000);
  assert.equal(comm.sent.length, 10);
  end();
});

test("every dropped change is sent again by itself, and one that the kernel still has is not", () => {
  const { comm, link, end } = open();
  for (const at of [1, 2, 3]) void link.call("accept", { at }, { once: true });
  comm.status(0, "busy"); // it is at work on the first
  comm.status(1, "idle");
  comm.status(2, "idle");
  mock.timers.tick(1000);
  assert.deepEqual(new Set(comm.sent.slice(3).map(({ args }) => args.at)), new Set([2, 3]));
  assert.deepEqual(link.state, { phase: "busy", queued: 3 });
  comm.say({ call: comm.sent[0]?.call, ok: true, result: 0 });
  mock.timers.tick(200);
  assert.deepEqual(link.state, { phase: "unanswered", queued: 2 });
  end();
});

test("the kernel's idle after an answer or after a word that it heard means nothing", () => {
  const { comm, link, end } = open();
  void link.call("repair", {}, { once: true });
  void link.call("row");
  comm.say({ call: comm.sent[0]?.call, heard: true });
  comm.say({ call: comm.sent[1]?.call, ok: true, result: 0 });
  comm.status(0, "idle");
  comm.status(1, "idle");
  mock.timers.tick(60_000);
  assert.equal(comm.sent.length, 2);
  assert.equal(link.state.phase, "ready");
  end();
});

test("a host that passes no word of the kernel on may call what stands in its place", () => {
  const { comm, link, end } = open();
  void link.call("row");
  comm.called(0);
  mock.timers.tick(8_600);
  assert.equal(comm.sent.length, 2, "silence alone is asked again too");
  assert.equal(link.state.phase, "busy");
  end();
});

test("a call that was heard is not sent again and does not count as busy", () => {
  const { comm, link, end } = open();
  void link.call("repair", {}, { once: true });
  comm.say({ call: comm.sent[0]?.call, heard: true });
  mock.timers.tick(30_000);
  assert.equal(comm.sent.length, 1);
  assert.deepEqual(link.state, { phase: "ready", queued: 0 });
  end();
});

test("in a lane one read runs and only the newest waits", async () => {
  const { comm, link, end } = open();
  const first = link.call("page", { start: 0 }, { lane: "list" });
  const second = link.call("page", { start: 50 }, { lane: "list" });
  const third = link.call("page", { start: 100 }, { lane: "list" });
  await assert.rejects(second, Superseded);
  assert.equal(comm.sent.length, 1);
  comm.say({ call: comm.sent[0]?.call, ok: true, result: "a" });
  assert.equal(await first, "a");
  assert.deepEqual(comm.sent[1]?.args, { start: 100 });
  comm.say({ call: comm.sent[1]?.call, ok: true, result: "c" });
  assert.equal(await third, "c");
  end();
});

test("durable changes outlive the page: the next one sends them under the same id", () => {
  const store = new Store();
  const before = open(store);
  void before.link.call("accept", { key: "k" }, { once: true, durable: true });
  before.link.call("undo", {}, { once: true }).catch(() => {});
  before.comm.drop();
  assert.equal(before.link.state.phase, "lost");
  before.end();
  const after = open(store);
  assert.deepEqual(after.comm.sent, [before.comm.sent[0]]);
  after.comm.say({ call: after.comm.sent[0]?.call, ok: true, result: 0 });
  assert.equal(store.kept.size, 0);
  after.end();
});

test("when the kernel ends, what cannot be kept is refused, and so is what comes after", async () => {
  const { comm, link, end } = open();
  const kept = link.call("accept", { key: "k" }, { once: true, durable: true });
  const heard = link.call("repair", {}, { once: true });
  comm.say({ call: comm.sent[1]?.call, heard: true });
  const [read, waiting] = [link.call("rows", {}, { lane: "rows" }), link.call("rows", {}, { lane: "rows" })];
  comm.drop();
  for (const call of [heard, read, waiting, link.call("undo", {}, { once: true })])
    await assert.rejects(call, KernelGone);
  assert.deepEqual(link.state, { phase: "lost", queued: 1 });
  assert.equal(comm.sent.length, 3, "nothing goes to a kernel that is not there");
  comm.say({ call: comm.sent[0]?.call, ok: true, result: 1 });
  assert.equal(await kept, 1);
  end();
});

test("two views of one subject leave each other's unsent changes alone", () => {
  const store = new Store();
  const left = open(store);
  void left.link.call("accept", { key: "a" }, { once: true, durable: true });
  const comm = new Comm();
  const ending = new AbortController();
  const right = new Link(comm, ending.signal, store);
  assert.equal(comm.sent.length, 0);
  void right.call("accept", { key: "b" }, { once: true, durable: true });
  assert.equal(JSON.parse([...store.kept.values()][0] ?? "[]").length, 2);
  left.comm.say({ call: left.comm.sent[0]?.call, ok: true, result: 0 });
  assert.deepEqual(
    JSON.parse([...store.kept.values()][0] ?? "[]").map((call: Sent) => call.args),
    [{ key: "b" }],
  );
  ending.abort();
  left.end();
});

test("pushes reach listeners with their buffers, from base64 where a host drops binary parts", () => {
  const { comm, link, end } = open();
  const seen: [unknown, number][] = [];
  link.onPush((push, buffers) => seen.push([push, buffers[0]?.getUint8(0) ?? -1]));
  comm.say({ push: { a: 1 } }, [new DataView(Uint8Array.of(7).buffer)]);
  comm.say({ push: { a: 2 }, base64: [btoa("\u0009")] });
  assert.deepEqual(seen, [
    [{ a: 1 }, 7],
    [{ a: 2 }, 9],
  ]);
  end();
});

test("what a view leaves behind when it closes is sent by the one that is still open", () => {
  const store = new Store();
  const left = open(store);
  void left.link.call("accept", { key: "a" }, { once: true, durable: true });
  const comm = new Comm();
  const ending = new AbortController();
  const right = new Link(comm, ending.signal, store);
  left.end();
  mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_000_000 });
  const third = new Link(comm, ending.signal, store);
  assert.deepEqual(
    comm.sent.map((call) => call.args),
    [{ key: "a" }],
  );
  assert.equal(right.state.queued + third.state.queued, 1);
  ending.abort();
  mock.timers.reset();
});
