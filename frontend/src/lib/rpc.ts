// Calls to Python over a widget's custom messages. A call without an answer is never lost: it stays pending and is
// sent again under the same id, which Python carries out once. Meanwhile the page says that the kernel is busy, or,
// where the kernel tells that it is done with the message, that no answer came. When the kernel ends, durable calls
// are kept for the next one and all others are refused, so that nothing waits for ever.

/** Hears a message of the widget, or that something happened, for which there is none. */
export type Listener = (content: unknown, buffers?: DataView[]) => void;

export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
  on(name: string, callback: Listener): void;
  off(name: string | null, callback?: Listener | null): void;
}

export interface Failure {
  problem: string;
  fix: string;
}

/** What Python said went wrong: `problem`, and in `fix` what to type. */
export class CallError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.problem);
  }
}

/** The kernel ended, and with it whom the call was for; a call that is not durable ends with it. */
export class KernelGone extends CallError {
  constructor() {
    super({ problem: "Kernel gone · this was not sent", fix: "run the cell again" });
  }
}

/** A newer call of the same lane took this one's place before it was sent. */
export class Superseded extends Error {}

export type Phase = "ready" | "busy" | "unanswered" | "lost";
export interface LinkState {
  phase: Phase;
  /** Changes that Python has not confirmed yet. */
  queued: number;
}

export interface CallOptions {
  /** The call changes something; Python must carry it out once. */
  once?: boolean;
  /** Kept over a page reload and a kernel restart; only for changes that may be repeated without harm. */
  durable?: boolean;
  /** Reads of one lane run one at a time, and only the newest waits. */
  lane?: string;
}

export interface Answer<T> {
  result: T;
  buffers: DataView[];
}

interface Pending {
  id: string;
  op: string;
  args: object;
  options: CallOptions;
  asked: number;
  sent: number;
  times: number;
  heard: boolean;
  /** The kernel was done with the message, and no answer had come: it never reached the view. */
  missed: boolean;
  resolve(answer: Answer<unknown>): void;
  reject(error: Error): void;
}

/** What Python sends: a push, that a call was heard, or its answer. */
interface Incoming {
  push?: unknown;
  call?: string;
  heard?: boolean;
  ok?: boolean;
  result?: unknown;
  error?: Failure;
  base64?: string[];
}

/** What the kernel says of a message, as far as it is looked at. */
interface KernelStatus {
  content?: { execution_state?: string };
}

interface Kept {
  id: string;
  op: string;
  args: object;
}

const SLOW = 700; // ms without a word after which the kernel counts as busy
const AGAIN = 8000; // ms of silence after which the oldest call is sent again, as a probe
const RETRY = 250; // ms after which a missed call is sent again
const LONGEST = 30_000; // ms; each further time waits twice as long as the one before, up to this
const TICK = 200;

const shared = globalThis as { __reasonbookClients?: Set<string> };
const liveClients = shared.__reasonbookClients ?? new Set<string>();
shared.__reasonbookClients = liveClients;

function freshName(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Buffers of a message; where the host drops binary parts (Colab) they stand in the JSON as base64. */
export function messageBuffers(content: { base64?: string[] }, buffers: DataView[] | undefined): DataView[] {
  if (!Array.isArray(content.base64)) return buffers ?? [];
  return content.base64.map((text) => {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new DataView(bytes.buffer);
  });
}

export class Link {
  private readonly client = freshName();
  private readonly pending = new Map<string, Pending>();
  private readonly waiting = new Map<string, Pending>(); // lane → the newest call that is not sent yet
  private readonly stateListeners = new Set<(state: LinkState) => void>();
  private readonly pushListeners = new Set<(push: unknown, buffers: DataView[]) => void>();
  private readonly storageKey: string;
  private number = 0;
  private ticks = 0;
  private lost = false;
  private last: LinkState = { phase: "ready", queued: 0 };

  constructor(
    private readonly model: Model,
    signal: AbortSignal,
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null = sessionStore(),
  ) {
    const subject = String(model.get("subject") ?? "");
    this.storageKey = subject ? `reasonbook:unsent:${subject}` : "";
    const message: Listener = (content, buffers) => this.receive(content, buffers);
    const liveness = () => this.setLost(!this.lost);
    const closed = () => this.setLost(true);
    model.on("msg:custom", message);
    model.on("comm_live_update", liveness);
    model.on("comm:close", closed);
    liveClients.add(this.client);
    const clock = setInterval(() => this.tick(), TICK);
    signal.addEventListener("abort", () => {
      clearInterval(clock);
      liveClients.delete(this.client);
      model.off("msg:custom", message);
      model.off("comm_live_update", liveness);
      model.off("comm:close", closed);
    });
    this.adopt();
  }

  get state(): LinkState {
    return this.last;
  }

  /** Calls a verb of the Python view; rejects with `CallError` when it refuses. */
  async call<T>(op: string, args: object = {}, options: CallOptions = {}): Promise<T> {
    return (await this.callWithBuffers<T>(op, args, options)).result;
  }

  callWithBuffers<T>(op: string, args: object = {}, options: CallOptions = {}): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      const call = pending({ id: `${this.client}.${this.number++}`, op, args }, options, resolve, reject);
      if (options.lane !== undefined && this.laneTaken(options.lane)) {
        this.waiting.get(options.lane)?.reject(new Superseded());
        this.waiting.set(options.lane, call);
      } else {
        this.dispatch(call);
      }
    });
  }

  /** Hears what Python sends by itself. */
  onPush<T>(listener: (push: T, buffers: DataView[]) => void): void {
    this.pushListeners.add(listener as (push: unknown, buffers: DataView[]) => void);
  }

  /** Hears when the kernel becomes busy, ready or lost, and how many changes wait; called at once too. */
  onState(listener: (state: LinkState) => void): void {
    this.stateListeners.add(listener);
    listener(this.last);
  }

  private laneTaken(lane: string): boolean {
    for (const call of this.pending.values()) if (call.options.lane === lane) return true;
    return false;
  }

  private dispatch(call: Pending): void {
    if (this.lost && !call.options.durable) {
      call.reject(new KernelGone());
      return;
    }
    this.pending.set(call.id, call);
    if (call.options.durable) this.keep();
    this.send(call);
    this.report();
  }

  private send(call: Pending): void {
    call.sent = Date.now();
    if (this.lost) return;
    call.times++;
    try {
      this.model.send({ call: call.id, op: call.op, args: call.args }, this.listener(call));
    } catch {
      this.setLost(true);
    }
  }

  /** Hears from the kernel, in hosts that pass it on, when it is done with a message; an answer comes before that. */
  private listener(call: Pending) {
    const status = (message?: KernelStatus) => {
      if (message?.content?.execution_state !== "idle" || call.heard || !this.pending.has(call.id)) return;
      call.missed = true;
      this.report();
    };
    return Object.assign(() => {}, { iopub: { status } }); // marimo calls what Jupyter looks into
  }

  private receive(received: unknown, rawBuffers?: DataView[]): void {
    if (received === null || typeof received !== "object") return;
    const content = received as Incoming;
    const buffers = messageBuffers(content, rawBuffers);
    if ("push" in content) {
      for (const listener of this.pushListeners) listener(content.push, buffers);
      return;
    }
    const call = this.pending.get(content.call ?? "");
    if (call === undefined) return;
    if (content.heard) {
      call.heard = true;
      this.report();
      return;
    }
    this.pending.delete(call.id);
    if (call.options.durable) this.keep(call.id);
    if (call.options.lane !== undefined) {
      const next = this.waiting.get(call.options.lane);
      this.waiting.delete(call.options.lane);
      if (next !== undefined) this.dispatch(next);
    }
    this.report();
    if (content.ok) call.resolve({ result: content.result, buffers });
    else call.reject(new CallError(content.error ?? { problem: "Python gave no reason.", fix: "" }));
    // An answer shows that the kernel works again: whatever it has not seen is sent now.
    for (const other of this.pending.values()) if (!other.heard && Date.now() - other.sent > AGAIN) this.send(other);
  }

  private tick(): void {
    const oldest = this.oldest();
    for (const call of this.pending.values())
      if (!call.heard && (call.missed || call === oldest) && Date.now() - call.sent > patience(call)) this.send(call);
    if (++this.ticks % 10 === 0 && !this.lost) this.adopt(); // a view that was closed since has left its own
    this.report();
  }

  private oldest(): Pending | undefined {
    for (const call of this.pending.values()) if (!call.heard) return call;
    return undefined;
  }

  private report(): void {
    const oldest = this.oldest();
    const slow = oldest !== undefined && Date.now() - oldest.asked > SLOW;
    const queued = [...this.pending.values()].filter((call) => call.options.once && !call.heard).length;
    const phase: Phase = this.lost ? "lost" : !slow ? "ready" : oldest.missed ? "unanswered" : "busy";
    if (phase === this.last.phase && queued === this.last.queued) return;
    this.last = { phase, queued };
    for (const listener of this.stateListeners) listener(this.last);
  }

  private setLost(lost: boolean): void {
    if (this.lost === lost) return;
    this.lost = lost;
    if (lost) this.refuse();
    else for (const call of this.pending.values()) if (!call.heard) this.send(call);
    this.report();
  }

  private refuse(): void {
    const gone = [...this.waiting.values(), ...this.pending.values()].filter((call) => !call.options.durable);
    this.waiting.clear();
    for (const call of gone) {
      this.pending.delete(call.id);
      call.reject(new KernelGone());
    }
  }

  private keep(settled = ""): void {
    if (this.storage === null || this.storageKey === "") return;
    const others = this.kept().filter((call) => call.id !== settled && !this.pending.has(call.id));
    const mine = [...this.pending.values()].filter((call) => call.options.durable);
    const all: Kept[] = [...others, ...mine.map(({ id, op, args }) => ({ id, op, args }))];
    try {
      if (all.length === 0) this.storage.removeItem(this.storageKey);
      else this.storage.setItem(this.storageKey, JSON.stringify(all));
    } catch {
      // storage is full or forbidden: the calls are still pending in memory
    }
  }

  private kept(): Kept[] {
    try {
      return JSON.parse(this.storage?.getItem(this.storageKey) ?? "[]") as Kept[];
    } catch {
      return [];
    }
  }

  /** Sends again what an earlier page, or one whose kernel is gone, could not get confirmed. */
  private adopt(): void {
    if (this.storageKey === "") return;
    const orphaned = ({ id }: Kept) => !liveClients.has(id.split(".")[0] ?? "") && !this.pending.has(id);
    const orphans = this.kept().filter(orphaned);
    const ignore = () => {};
    for (const orphan of orphans) this.dispatch(pending(orphan, { once: true, durable: true }, ignore, ignore));
  }
}

function pending<T>(
  { id, op, args }: Kept,
  options: CallOptions,
  resolve: (answer: Answer<T>) => void,
  reject: Pending["reject"],
): Pending {
  return { id, op, args, options, asked: Date.now(), sent: 0, times: 0, heard: false, missed: false, resolve, reject };
}

/** Ms to wait for word of a call before it is sent again. */
function patience({ missed, times }: Pending): number {
  return Math.min(LONGEST, (missed ? RETRY : AGAIN) * 2 ** Math.max(0, times - 1));
}

function sessionStore(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
