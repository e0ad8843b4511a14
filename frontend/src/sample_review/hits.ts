// Search hits, marked in the text without touching it: ranges over whatever stands on the page (CSS custom highlights).

const NAME = "rb-hit";
const MOST = 500; // hits that are marked at once

/** Keeps the hits inside some elements marked while what they hold changes. */
export class Hits {
  private needle = "";
  private ranges: Range[] = [];
  private frame = 0;

  constructor(
    private readonly roots: HTMLElement[],
    signal: AbortSignal,
  ) {
    if (typeof Highlight === "undefined" || CSS.highlights === undefined) return; // an older browser: nothing is marked
    const again = new MutationObserver(() => this.soon());
    for (const root of roots) again.observe(root, { childList: true, characterData: true, subtree: true });
    signal.addEventListener("abort", () => {
      again.disconnect();
      cancelAnimationFrame(this.frame);
      this.forget();
    });
  }

  /** Marks this text, in any case. */
  show(needle: string): void {
    if (needle === this.needle) return;
    this.needle = needle;
    this.soon();
  }

  private soon(): void {
    if (typeof Highlight === "undefined" || CSS.highlights === undefined) return;
    if (this.needle === "" && this.ranges.length === 0) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.mark());
  }

  private mark(): void {
    this.forget();
    if (this.needle === "") return;
    const sought = new RegExp(this.needle.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
    for (const root of this.roots) this.markIn(root, sought);
    const shown = CSS.highlights.get(NAME) ?? new Highlight();
    for (const range of this.ranges) shown.add(range);
    CSS.highlights.set(NAME, shown);
  }

  private markIn(root: HTMLElement, sought: RegExp): void {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null && this.ranges.length < MOST; node = texts.nextNode()) {
      if (node.parentElement?.closest("button, .rb-label, h4") !== null) continue;
      for (const { index, 0: found } of (node.nodeValue ?? "").matchAll(sought)) {
        const range = new Range();
        range.setStart(node, index);
        range.setEnd(node, index + found.length);
        this.ranges.push(range);
      }
    }
  }

  private forget(): void {
    const shown = CSS.highlights.get(NAME);
    for (const range of this.ranges) shown?.delete(range);
    this.ranges = [];
  }
}
