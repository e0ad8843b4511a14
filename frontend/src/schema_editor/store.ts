// The schema as this page knows it. What is being typed stands here first; Python's word counts as soon as it comes.

import type { Link } from "../lib/rpc.ts";

export type FieldType = "text" | "number" | "boolean" | "choice" | "list";

export interface Field {
  name: string;
  instruction: string;
  type: FieldType;
  options: string[];
  minimum: number | null;
  maximum: number | null;
  optional: boolean;
  required: boolean;
  max_length: number | null;
  problems: string[];
}

export interface SchemaState {
  version: number;
  fields: Field[];
  problems: string[];
  prompt: string;
  json_schema: object | null;
  fingerprint: string;
  /** What the schema can be tried on; null where Python was given no frame. */
  trial: { rows: number; teacher: string; own_teacher: string } | null;
}

export interface Opened extends SchemaState {
  types: FieldType[];
  presets: string[];
}

export interface Trial {
  start: number;
  rows: {
    position: number;
    request: string;
    status: string | null;
    error: string | null;
    reasoning: [string, unknown][];
  }[];
}

type Caller = Pick<Link, "call">;
const TYPING = 180; // ms without a key before what was typed is sent

/** One change after the other: each names the field by place and name, so it must see the one before it. */
export class SchemaStore {
  state!: SchemaState;
  private queue: Promise<unknown> = Promise.resolve();
  private typed = new Map<string, { at: number; changes: Partial<Field>; timer: ReturnType<typeof setTimeout> }>();
  private waiting = 0;

  constructor(
    private readonly link: Caller,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  async open(): Promise<Opened> {
    const opened = await this.link.call<Opened>("snapshot");
    this.state = opened;
    this.changed();
    return opened;
  }

  /** Whether something typed has not reached Python yet. */
  get dirty(): boolean {
    return this.typed.size > 0 || this.waiting > 0;
  }

  take(state: SchemaState): void {
    if (this.state !== undefined && state.version < this.state.version) return;
    this.state = state;
    for (const { at, changes } of this.typed.values()) Object.assign(this.state.fields[at] ?? {}, changes);
    this.changed();
  }

  /** A change by typing: shown at once, sent when the typing rests. */
  type(at: number, changes: Partial<Field>): void {
    const field = this.state.fields[at];
    if (field === undefined) return;
    const slot = `${at}:${Object.keys(changes).join()}`;
    const before = this.typed.get(slot);
    clearTimeout(before?.timer);
    const name = field.name;
    Object.assign(field, changes);
    this.typed.set(slot, {
      at,
      changes,
      timer: setTimeout(() => this.flush(), TYPING),
    });
    this.sentName.set(at, this.sentName.get(at) ?? name);
  }

  private readonly sentName = new Map<number, string>(); // the name that Python knows while a new one is typed

  /** Sends what was typed, now. */
  flush(): void {
    const byField = new Map<number, Partial<Field>>();
    for (const [slot, { at, changes, timer }] of this.typed) {
      clearTimeout(timer);
      byField.set(at, { ...byField.get(at), ...changes });
      this.typed.delete(slot);
    }
    for (const [at, changes] of byField) {
      const name = this.sentName.get(at) ?? this.state.fields[at]?.name ?? "";
      this.sentName.delete(at);
      this.send("update", () => ({ at, name, changes }));
    }
  }

  add(): void {
    this.act("add", () => ({}));
  }

  put(field: Field, at: number): void {
    this.act("add", () => ({ field, at }));
  }

  remove(at: number): void {
    this.act("remove", () => ({ at, name: this.state.fields[at]?.name }));
  }

  move(at: number, to: number): void {
    if (to < 0 || to >= this.state.fields.length) return;
    this.act("move", () => ({ at, name: this.state.fields[at]?.name, to }));
  }

  preset(name: string): void {
    this.act("preset", () => ({ name }));
  }

  replaceAll(fields: Field[]): void {
    this.act("replace_all", () => ({ fields }));
  }

  async trial(teacher: string, start: number): Promise<Trial> {
    this.flush();
    await this.queue;
    return this.link.call<Trial>("trial", { teacher, start }, { once: true });
  }

  private act(op: string, args: () => object): void {
    this.flush();
    this.send(op, args);
  }

  private send(op: string, args: () => object): void {
    this.waiting++;
    this.queue = this.queue.then(async () => {
      try {
        const state = await this.link.call<SchemaState>(op, args(), { once: true });
        this.waiting--;
        this.take(state);
      } catch (error) {
        this.waiting--;
        this.failed(error);
        await this.open().catch(this.failed);
      }
    });
  }
}
