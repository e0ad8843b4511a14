// Keys that belong to a widget must not reach the notebook: there `m` turns the cell into Markdown and `dd` deletes it.

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

/** Names a key press as the maps spell it: `j`, `Shift+Tab`, `Ctrl+z` (Cmd counts as Ctrl), `Enter`. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : ""; // a letter already shows its shift
  const alt = event.altKey ? "Alt+" : "";
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  return control + alt + shift + event.key;
}

/** True while the person types text, where single letters are letters. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/**
 * Makes `root` focusable and keeps its keys to itself while it has the focus.
 * The attribute is what Notebook 7 heeds; stopping the event alone is enough in JupyterLab only.
 */
export function claimKeys(root: HTMLElement, keys: KeyMap, signal: AbortSignal): void {
  root.tabIndex = 0;
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.isComposing) return;
      const name = keyName(event);
      if (isTyping(event.target) && name !== "Escape" && !name.startsWith("Ctrl+")) return;
      const act = keys[name];
      if (act === undefined) return;
      event.preventDefault();
      act(event);
    },
    { signal },
  );
}
