// How key presses are named, and how they are kept from the notebook, where `dd` deletes a cell.

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

/** True where Enter and Space press what has the focus. */
export function isPressed(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, summary, a[href]") !== null;
}

const SUPPRESS = "data-lm-suppress-shortcuts";

/** Whether a key is the host's wherever the focus is: Ctrl+S saves the notebook. */
export function isHosts(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): boolean {
  return (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
}

/**
 * Keeps the keys that are pressed in a widget from the notebook around it. JupyterLab looks for its shortcuts when a key
 * has bubbled up to the document, Notebook 7 before anybody else has seen it; both begin at the very element that has
 * the focus and go outwards to the first that matches or that bears an attribute. So whatever a key is aimed at gets it
 * as the key comes in: the window hears a key before the document does, and no element has to be thought of beforehand.
 */
export function keepKeys(root: HTMLElement, signal: AbortSignal): void {
  root.setAttribute(SUPPRESS, "true");
  const aim = (event: KeyboardEvent) => {
    const target = event.composedPath()[0];
    if (!(target instanceof Element) || !root.contains(target)) return;
    const ours = !isHosts(event);
    for (let at: Element | null = target; at !== null; at = at === root ? null : at.parentElement)
      at.toggleAttribute(SUPPRESS, ours);
  };
  for (const kind of ["keydown", "keyup"] as const) window.addEventListener(kind, aim, { capture: true, signal });
  for (const kind of ["keydown", "keypress", "keyup"] as const)
    root.addEventListener(kind, (event) => isHosts(event) || event.stopPropagation(), { signal });
}
