// Text of rows and models as people read it: Markdown, code, formulas, JSON, calls of tools; on a key as it is written.
// What is plain stays plain and costs nothing: the renderer is fetched when the first row needs it, and until it is here,
// or where it cannot come, the text itself is shown.

import { type Child, fill, h, setText } from "./dom.ts";
import { putJson } from "./json_tree.ts";
import { late, type Reading } from "./late.ts";
import type { Link } from "./rpc.ts";
import { type Message, pieces, type ToolCall } from "./tool_calls.ts";

const MOST = 50_000; // characters that are rendered; what is longer is shown as it is written
const AT_ONCE = 2_000; // characters that are rendered before the row is painted; what is longer comes right after it
const LONG = 1400; // characters, and lines, from which a text is folded
const LINES = 18;

// What Markdown or LaTeX look like. Wrong now and then, and then the text comes out as it went in. Every repeat ends
// somewhere, so that no text keeps the page busy.
const MARKS = [
  /`|\*\*\S|__\S|~~\S|\]\(|\]\[/, // code, bold, struck, links
  /(?:^|[\s(])[*_]\S[^*_\n]{0,300}[*_](?:$|[\s).,;:!?])/m, // emphasis
  /^ {0,3}(?:#{1,6} |[-*+] |\d{1,9}[.)] |> |\||(?:[-*_] ?){3,}$)/m, // headings, lists, quotes, tables, rules
  /\$\$|\\[([]|\$[^\s$][^$\n]{0,300}[\\^_={}<>][^$\n]{0,300}\$|\$[A-Za-z][^$\n]{0,12}\$/, // formulas
  /\\[\\`*_{}[\]()#+\-.!|$]|&(?:#\d+|[a-z]+);|<https?:/, // escapes, entities
];

/** Whether a text looks like Markdown or LaTeX. */
export function isRich(text: string): boolean {
  return text.length <= MOST && MARKS.some((mark) => mark.test(text));
}

/** Whether a text is so long that it is folded. */
export function isLong(text: string): boolean {
  return text.length > LONG || (text.match(/\n/g)?.length ?? 0) > LINES;
}

export class Reader {
  /** Texts as they are written. */
  raw = false;
  private reading: Reading | undefined;
  private readonly sources = new WeakMap<HTMLElement, string>();

  constructor(
    private readonly link: Link,
    private readonly root: HTMLElement,
  ) {}

  /** A text as a block. */
  text(source: string, more = ""): HTMLElement {
    const element = h("div", { class: `rb-text rb-read ${more}`.trim(), dir: "auto" });
    this.put(element, source);
    return element;
  }

  /** A text that is folded where it is long. */
  folded(source: string): HTMLElement {
    return folded(this.text(source), isLong(source));
  }

  /** Shows a text in an element; does nothing where it shows it already. */
  put(element: HTMLElement, source: string): void {
    if (this.sources.get(element) === source) return;
    element.classList.add("rb-read");
    this.sources.set(element, source);
    this.paint(element, source);
  }

  /** Shows a text as it is, for one that is still being written. */
  plain(element: HTMLElement, text: string): void {
    this.sources.delete(element);
    element.classList.remove("rb-read", "rb-rich");
    setText(element, text);
  }

  /** A message: its text, the tools that it calls, or the result that it is. */
  message({ role, text, calls, tool }: Message): HTMLElement[] {
    if (role === "tool") return [this.result(text, tool)];
    const said = text.trim() !== "" || calls.length === 0 ? [this.folded(text)] : [];
    return [...said, ...calls.map((call) => this.call(call))];
  }

  /** A call of a tool as a card. */
  call({ name, arguments: given, id }: ToolCall): HTMLElement {
    return card("calls", name || "a tool without a name", id, this.data(given || "no arguments"));
  }

  /** What a tool gave back as a card. */
  result(text: string, tool: string): HTMLElement {
    return card("result of", tool || "a tool", "", folded(this.data(text), isLong(text)));
  }

  /** Shows all texts as they are written, or as they are read. */
  toggle(): void {
    this.raw = !this.raw;
    this.root.classList.toggle("rb-raw", this.raw);
    this.repaint();
  }

  private repaint(): void {
    for (const element of this.root.querySelectorAll<HTMLElement>(".rb-read")) {
      const source = this.sources.get(element);
      if (source !== undefined) this.paint(element, source);
    }
  }

  private data(text: string): HTMLElement {
    return this.text(text, "rb-data");
  }

  private paint(element: HTMLElement, source: string): void {
    element.classList.remove("rb-rich");
    if (this.raw) {
      fill(element, source);
      return;
    }
    const parts = source.length <= MOST ? pieces(source) : [{ text: source }];
    const [only] = parts;
    if (parts.length > 1 || (only !== undefined && !("text" in only)))
      fill(
        element,
        ...parts.map((part) =>
          "call" in part
            ? this.call(part.call)
            : "result" in part
              ? this.result(part.result, "")
              : this.text(part.text),
        ),
      );
    else if (!putJson(element, source)) this.paintText(element, source);
  }

  private paintText(element: HTMLElement, source: string): void {
    fill(element, source);
    if (!isRich(source)) return;
    if (this.reading !== undefined && source.length <= AT_ONCE) {
      this.draw(element, source, this.reading);
      return;
    }
    const here = (reading: Reading) => {
      this.reading = reading;
      const wanted = !this.raw && this.sources.get(element) === source && element.isConnected;
      if (wanted) this.draw(element, source, reading);
    };
    late(this.link, "reading").then(
      (reading) => setTimeout(here, 0, reading),
      () => {}, // the text itself is there
    );
  }

  private draw(element: HTMLElement, source: string, reading: Reading): void {
    const made = reading.markdown(source);
    this.formulas(made, reading);
    element.classList.add("rb-rich");
    fill(element, made);
  }

  private formulas(made: DocumentFragment, reading: Reading): void {
    const found = [...made.querySelectorAll<HTMLElement>(".rb-tex")];
    if (found.length === 0) return;
    const draw = ({ mathml }: { mathml(source: string, display: boolean): string }) => {
      for (const element of found) {
        const source = element.textContent ?? "";
        const cut = source.startsWith("$") && !source.startsWith("$$") ? 1 : 2;
        try {
          const drawn = mathml(source.slice(cut, -cut), element.classList.contains("rb-tex-block"));
          fill(element, reading.mathml(drawn));
          element.title = source;
        } catch {
          element.classList.add("rb-mono"); // no LaTeX after all, or more of it than is drawn
        }
      }
    };
    late(this.link, "math").then(draw, () => {});
  }
}

function card(does: string, name: string, id: string, body: Child): HTMLElement {
  return h(
    "div",
    { class: "rb-tool", role: "group", "aria-label": `${does} ${name}` },
    h(
      "div",
      { class: "rb-tool-head" },
      h("span", { class: "rb-label" }, does),
      h("span", { class: "rb-tool-name", dir: "auto" }, name),
      id === "" ? null : h("span", { class: "rb-faint rb-tool-id" }, id),
    ),
    body,
  );
}

/** Long content is clipped until it is asked for, so that what comes after it stays in sight. */
export function folded(content: HTMLElement, long: boolean): HTMLElement {
  if (!long) return content;
  content.classList.add("rb-clip");
  const more = h("button", { class: "rb-button rb-quiet", "aria-expanded": "false" }, "Show all");
  more.addEventListener("click", () => {
    const closed = content.classList.toggle("rb-clip");
    more.textContent = closed ? "Show all" : "Show less";
    more.setAttribute("aria-expanded", String(!closed));
  });
  return h("div", {}, content, more);
}

/** Shows all of a text that is folded, where it hides a place. */
export function unfold(place: Range): void {
  const clip = place.startContainer.parentElement?.closest<HTMLElement>(".rb-clip");
  if (clip && place.getBoundingClientRect().bottom > clip.getBoundingClientRect().bottom)
    (clip.nextElementSibling as HTMLElement).click();
}
