// Where LaTeX stands in Markdown: $$…$$, \[…\], \(…\), and $…$ where it cannot be money.

import type { MarkdownIt, StateBlock } from "markdown-it";

const PAIRS: [open: string, close: string, display: boolean][] = [
  ["$$", "$$", true],
  ["\\[", "\\]", true],
  ["\\(", "\\)", false],
  ["$", "$", false],
];

/** The formula that begins at a place of a text, with its delimiters; undefined where none does. */
export function formulaAt(text: string, at: number): { source: string; end: number; display: boolean } | undefined {
  for (const [open, close, display] of PAIRS) {
    if (!text.startsWith(open, at)) continue;
    const from = at + open.length;
    const to = closing(text, close, from);
    if (to < 0) continue;
    const source = text.slice(from, to);
    const end = to + close.length;
    if (source.trim() === "" || (open === "$" && !isFormula(source, text[at - 1] ?? "", text[end] ?? ""))) continue;
    return { source, end, display };
  }
  return undefined;
}

/** Where the closing delimiter stands; a backslash before a dollar takes its meaning away. */
function closing(text: string, close: string, from: number): number {
  for (let at = text.indexOf(close, from); at >= 0; at = text.indexOf(close, at + 1))
    if (close[0] !== "$" || text[at - 1] !== "\\") return at;
  return -1;
}

/** "$5 and $10" is money: a formula touches its dollars and nothing else does, and there is something of LaTeX in it. */
function isFormula(source: string, before: string, after: string): boolean {
  if (/^\s|\s$|[\n`]/.test(source) || /\w/.test(before) || /\d/.test(after)) return false;
  return /[\\^_={}<>]/.test(source) || /^[A-Za-z](?:[\s+\-*/(),.\dA-Za-z]{0,12})?$/.test(source);
}

/** Renders formulas as `.rb-tex` that holds their source; `.rb-tex-block` where they stand apart from the text. */
export function formulas(md: MarkdownIt): void {
  const { escapeHtml } = md.utils;
  md.inline.ruler.before("escape", "formula", (state, silent) => {
    const found = formulaAt(state.src, state.pos);
    if (found === undefined || found.end > state.posMax) return false;
    if (!silent) {
      const token = state.push("formula", "span", 0);
      token.content = state.src.slice(state.pos, found.end);
      token.info = found.display ? "block" : "";
    }
    state.pos = found.end;
    return true;
  });
  // On lines of its own nothing in it is Markdown: a line that begins with a plus goes on, it is no list.
  const block = (state: StateBlock, first: number, end: number, silent: boolean) => {
    const from = (state.bMarks[first] as number) + (state.tShift[first] as number);
    const found = formulaAt(state.src, from);
    if (found === undefined || !found.display) return false;
    let last = first;
    while (last < end && (state.eMarks[last] as number) < found.end) last++;
    if (last >= end || state.src.slice(found.end, state.eMarks[last]).trim() !== "") return false;
    if (silent) return true;
    const token = state.push("formula", "span", 0);
    token.content = state.src.slice(from, found.end);
    token.info = "block";
    state.line = last + 1;
    return true;
  };
  md.block.ruler.before("fence", "formula", block, { alt: ["paragraph", "reference", "blockquote", "list"] });
  md.renderer.rules.formula = (tokens, at) => {
    const { content, info } = tokens[at] as { content: string; info: string };
    return `<span class="rb-tex${info === "" ? "" : " rb-tex-block"}">${escapeHtml(content)}</span>`;
  };
}
