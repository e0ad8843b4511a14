// What the checks saw in a row: in words above it, and underlined where it stands (CSS custom highlights).

import { h } from "../lib/dom.ts";
import { unfold } from "../lib/reading.ts";
import { note } from "./parts.ts";
import type { Finding } from "./types.ts";

const NAME = "rb-finding";

/** What was seen, a line each, with the way to its place; how far to trust a flag is said on it. */
export function findingNotes(
  findings: Finding[],
  trust: Record<string, string>,
  go: (finding: Finding) => void,
): HTMLElement[] {
  return findings.map((finding) => {
    const { flag, words, text } = finding;
    const way = { class: "rb-button rb-quiet", "aria-label": `Show where: ${words}`, onclick: () => go(finding) };
    const line = note("flag", words, text === "" ? null : h("button", way, "show"));
    line.prepend(h("span", { class: "rb-chip rb-finding-flag" }, `⚑ ${flag}`));
    if (trust[flag] !== undefined) line.title = trust[flag];
    return line;
  });
}

/** Keeps what was seen in the fields of one row underlined, while what they show changes. */
export class Underlines {
  private findings: Finding[] = [];
  private ranges: Range[] = [];
  private frame = 0;

  constructor(
    private readonly root: HTMLElement,
    signal: AbortSignal,
  ) {
    if (typeof Highlight === "undefined" || CSS.highlights === undefined) return; // an older browser: the words say it
    const again = new MutationObserver(() => this.soon());
    again.observe(root, { childList: true, characterData: true, subtree: true });
    signal.addEventListener("abort", () => {
      again.disconnect();
      cancelAnimationFrame(this.frame);
      this.forget();
    });
  }

  show(findings: Finding[]): void {
    this.findings = findings;
    this.soon();
  }

  /** Brings the place of what was seen into sight, also out of a text that is folded. */
  go(finding: Finding): void {
    const place = this.placeOf(finding);
    if (place === undefined) return;
    unfold(place);
    const below = place.getBoundingClientRect().top - this.root.getBoundingClientRect().top;
    this.root.scrollBy({ top: below - this.root.clientHeight / 3 });
  }

  private placeOf({ field, text, before }: Finding): Range | undefined {
    if (text === "") return undefined;
    const fields = [...this.root.querySelectorAll<HTMLElement>("[data-field]")];
    const element = fields.find((each) => each.dataset.field === field);
    return element === undefined ? undefined : rangeOf(element, text, before);
  }

  private soon(): void {
    if (typeof Highlight === "undefined" || CSS.highlights === undefined) return;
    if (this.findings.length === 0 && this.ranges.length === 0) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.mark());
  }

  private mark(): void {
    this.forget();
    this.ranges = this.findings.map((each) => this.placeOf(each)).filter((place) => place !== undefined);
    const shown = CSS.highlights.get(NAME) ?? new Highlight();
    for (const range of this.ranges) shown.add(range);
    CSS.highlights.set(NAME, shown);
  }

  private forget(): void {
    const shown = CSS.highlights.get(NAME);
    for (const range of this.ranges) shown?.delete(range);
    this.ranges = [];
  }
}

/** Where a text stands in an element, after so many of its like; over several text nodes too. */
function rangeOf(element: HTMLElement, text: string, before: number): Range | undefined {
  const nodes: Text[] = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) nodes.push(node as Text);
  const whole = nodes.map((node) => node.data).join("");
  let at = whole.indexOf(text);
  for (let left = before; left > 0 && at >= 0; left--) at = whole.indexOf(text, at + text.length);
  if (at < 0) return undefined;
  const range = new Range();
  let start = 0;
  for (const node of nodes) {
    const end = start + node.length;
    if (at >= start && at < end) range.setStart(node, at - start);
    if (at + text.length > start && at + text.length <= end) {
      range.setEnd(node, at + text.length - start);
      return range;
    }
    start = end;
  }
  return undefined;
}
