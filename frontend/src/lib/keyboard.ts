// How key presses are named. The shell in widget.ts keeps them from the notebook, where `dd` deletes a cell.

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
