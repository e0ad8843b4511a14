// The sheet of keys over a widget: `?` opens and closes it, Escape closes it, the focus goes back where it was.
import type { Command, Keys } from "./keys.ts";

/** The command that shows the sheet; `keys` is asked for when it is pressed, as the command is one of them. */
export function keySheetCommand(root: HTMLElement, keys: () => Keys): Command {
  return { id: "keys", label: "keys", keys: ["?"], sheet: true, run: () => toggleKeySheet(root, keys()) };
}

/** Takes the sheet away; false where none is shown. */
export function closeKeySheet(root: HTMLElement): boolean {
  return root.querySelector(":scope > .rb-sheet")?.dispatchEvent(new Event("rb-close")) ?? false;
}

/** Shows the sheet, or takes it away. */
export function toggleKeySheet(root: HTMLElement, keys: Keys): void {
  if (closeKeySheet(root)) return;
  const before = document.activeElement;
  const close = () => {
    sheet.remove();
    (before instanceof HTMLElement && root.contains(before) ? before : root).focus({ preventScroll: true });
  };
  const sheet = keys.sheet(close);
  sheet.addEventListener("rb-close", close);
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  });
  root.append(sheet);
  (sheet.querySelector<HTMLElement>(".rb-close") ?? sheet.querySelector<HTMLElement>("button"))?.focus();
}
