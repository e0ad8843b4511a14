// Commands with keys that a person can change; the changes stay in this browser.

import { fill, h } from "./dom.ts";
import { isPressed, isTyping, keyName } from "./keyboard.ts";

export interface Command {
  id: string;
  /** What it does, in a word or two, for the hint line. */
  label: string;
  keys: string[];
  run(): void;
  /** Whether the hint line names it; true unless said. */
  hint?: boolean;
  /** Works while the person types text; only for combinations such as Ctrl+Enter. */
  typing?: boolean;
  /** Works while a sheet lies over the widget. */
  sheet?: boolean;
}

export type Overrides = Record<string, string[]>;

/** Key → command id; a changed key is taken away from whichever command had it by default. */
export function resolveKeys(commands: Pick<Command, "id" | "keys">[], overrides: Overrides): Map<string, string> {
  const map = new Map<string, string>();
  for (const { id, keys } of commands) if (overrides[id] === undefined) for (const key of keys) map.set(key, id);
  for (const { id } of commands) for (const key of overrides[id] ?? []) map.set(key, id);
  return map;
}

const SHOWN: Record<string, string> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  " ": "Space",
  Escape: "Esc",
};

/** How a key is written for people. */
export function showKey(key: string): string {
  const parts = key === "+" ? ["+"] : key.split("+");
  const last = parts.pop() ?? "";
  const mac = typeof navigator !== "undefined" && /Mac/.test(navigator.platform ?? "");
  const held = parts.map((part) => (part === "Ctrl" && mac ? "⌘" : part));
  return [...held, SHOWN[last] ?? (last.length === 1 && parts.length > 0 ? last.toUpperCase() : last)].join("+");
}

export class Keys {
  private overrides: Overrides;
  private map: Map<string, string>;
  private readonly byId: Map<string, Command>;
  private readonly hintLine = h("div", { class: "rb-hints" });

  /** @param fixed Keys that Python set; what the person changed in the browser comes on top. */
  constructor(
    private readonly widget: string,
    private readonly commands: Command[],
    private readonly fixed: Overrides = {},
    private readonly changed: () => void = () => {},
  ) {
    this.byId = new Map(commands.map((command) => [command.id, command]));
    this.overrides = { ...fixed, ...this.stored() };
    this.map = resolveKeys(commands, this.overrides);
  }

  attach(root: HTMLElement, signal: AbortSignal): void {
    root.addEventListener(
      "keydown",
      (event) => {
        if (event.isComposing || event.defaultPrevented) return;
        const command = this.byId.get(this.map.get(keyName(event)) ?? "");
        if (command === undefined) return;
        if (isTyping(event.target) && command.typing !== true) return;
        if (command.sheet !== true && (event.target as Element).closest(".rb-sheet") !== null) return;
        if (isPressed(event.target) && (event.key === "Enter" || event.key === " ")) return;
        event.preventDefault();
        command.run();
      },
      { signal },
    );
    this.paintHints();
  }

  command(id: string): { label: string; act(): void } | undefined {
    const command = this.byId.get(id);
    return command && { label: command.label, act: () => command.run() };
  }

  keysOf(id: string): string[] {
    return [...this.map].filter(([, owner]) => owner === id).map(([key]) => key);
  }

  /** The visible line of keys; it repaints itself when a key changes. */
  get hints(): HTMLElement {
    return this.hintLine;
  }

  /** Gives a command other keys, or its own ones again when there are none. */
  change(id: string, keys: string[]): void {
    for (const [other, theirs] of Object.entries(this.overrides))
      if (other !== id) this.overrides[other] = theirs.filter((key) => !keys.includes(key));
    if (keys.length > 0) this.overrides[id] = keys;
    else delete this.overrides[id];
    this.refresh();
  }

  reset(): void {
    this.overrides = { ...this.fixed };
    this.refresh();
  }

  /** A sheet on which each command's key can be pressed anew. */
  sheet(close: () => void): HTMLElement {
    const list = h("div", { class: "rb-keys-list" });
    const reset = () => {
      this.reset();
      paint();
    };
    const paint = (focus = -1) => {
      fill(list, ...this.commands.map((command, at) => this.row(command, () => paint(at))));
      list.querySelectorAll<HTMLElement>(".rb-key")[focus]?.focus();
    };
    paint();
    return h(
      "div",
      { class: "rb-sheet rb-keys", role: "dialog", "aria-label": "Keyboard" },
      h(
        "div",
        { class: "rb-sheet-head" },
        h("b", {}, "Keyboard"),
        h("span", { class: "rb-dim" }, "click a key, then press another"),
        h("span", { class: "rb-grow" }),
        h("button", { class: "rb-button", onclick: reset }, "Reset"),
        h("button", { class: "rb-button rb-close", onclick: close }, "Close"),
      ),
      list,
    );
  }

  private row(command: Command, paint: () => void): HTMLElement {
    const shown = this.keysOf(command.id).map(showKey).join("  ") || "none";
    const button = h("button", { class: "rb-key", "aria-label": `Key for ${command.label}: ${shown}` }, shown);
    button.addEventListener("click", () => {
      button.textContent = "press…";
      const asked = new AbortController();
      const { signal } = asked;
      const end = () => {
        asked.abort();
        paint();
      };
      const heard = (event: KeyboardEvent) => {
        if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
        event.preventDefault();
        event.stopPropagation();
        if (event.key !== "Escape" && event.key !== "Tab") this.change(command.id, [keyName(event)]);
        end();
      };
      button.addEventListener("keydown", heard, { signal });
      const leave = () => {
        if (!button.isConnected) return;
        button.textContent = shown;
        asked.abort();
      };
      button.addEventListener("blur", leave, { signal });
    });
    return h("div", { class: "rb-keys-row" }, h("span", {}, command.label), button);
  }

  private refresh(): void {
    this.map = resolveKeys(this.commands, this.overrides);
    try {
      localStorage.setItem(`reasonbook:keys:${this.widget}`, JSON.stringify(this.overrides));
    } catch {
      // no storage: the change lasts as long as the page
    }
    this.paintHints();
    this.changed();
  }

  private stored(): Overrides {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(`reasonbook:keys:${this.widget}`) ?? "{}");
      return typeof kept === "object" && kept !== null ? (kept as Overrides) : {};
    } catch {
      return {};
    }
  }

  private paintHints(): void {
    const named = this.commands.filter((command) => command.hint !== false && this.keysOf(command.id).length > 0);
    fill(
      this.hintLine,
      ...named.map((command) =>
        h("span", { class: "rb-hint" }, h("kbd", {}, showKey(this.keysOf(command.id)[0] ?? "")), command.label),
      ),
    );
  }
}
