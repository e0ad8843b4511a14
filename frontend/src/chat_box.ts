// Talk to one or two students: thinking streams in folded, the exact prompt is one click away.
import "./chat_box.css";
import { type Answer, foldLabel, footnote, type News, type Transcript, take } from "./chat_box/transcript.ts";
import { fill, h, setText } from "./lib/dom.ts";
import { keySheetCommand } from "./lib/key_sheet.ts";
import { Keys } from "./lib/keys.ts";
import { Reader } from "./lib/reading.ts";
import { Superseded } from "./lib/rpc.ts";
import { defineWidget, type Stage } from "./lib/widget.ts";

interface Push {
  renew?: boolean;
  answering?: boolean;
  news?: News[];
}

/** The parts of one answer on the page. */
interface Bubble {
  root: HTMLElement;
  fold: HTMLDetailsElement;
  summary: HTMLElement;
  thinking: HTMLElement;
  said: HTMLElement;
  error: HTMLElement;
  foot: HTMLElement;
  thinks: boolean;
}

class ChatBox {
  private transcript: Transcript | null = null;
  private bubbles: Bubble[][] = [];
  private asking = false;
  private open = false; // thinking unfolded in new answers

  private readonly title = h("span", { class: "rb-title" }, "Chat");
  private readonly names = h("span", { class: "rb-cb-names" });
  private readonly fold = h("button", { class: "rb-button rb-quiet", "aria-pressed": "false" }, "thinking");
  private readonly clear = h("button", { class: "rb-button rb-quiet" }, "New chat");
  private readonly thread = h("div", { class: "rb-pane rb-cb-thread", tabindex: 0, role: "log", "aria-label": "Chat" });
  private readonly field = h("textarea", {
    class: "rb-input rb-cb-field",
    rows: 1,
    placeholder: "Ask the student…",
    "aria-label": "Question",
  });
  private readonly send = h("button", { class: "rb-button rb-primary rb-cb-send" }, "Ask");
  private readonly keys: Keys;
  private readonly reader: Reader;

  constructor(private readonly stage: Stage) {
    this.reader = new Reader(stage.link, stage.root);
    this.keys = new Keys("chat_box", [
      { id: "send", label: "ask", keys: ["Enter"], typing: true, run: () => this.enter() },
      { id: "line", label: "new line", keys: ["Shift+Enter"], typing: true, run: () => this.newLine() },
      { id: "stop", label: "stop", keys: ["Escape"], typing: true, run: () => this.stop() },
      { id: "fold", label: "thinking", keys: ["Alt+t", "t"], run: () => this.setOpen(!this.open) },
      { id: "raw", label: "text as it is written", keys: ["Alt+m", "m"], hint: false, run: () => this.reader.toggle() },
      { id: "again", label: "again", keys: ["r"], run: () => this.again() },
      { id: "field", label: "write", keys: ["/"], run: () => this.field.focus() },
      keySheetCommand(stage.root, () => this.keys),
    ]);
    const { root, signal } = stage;
    root.append(
      h(
        "div",
        { class: "rb-bar" },
        this.title,
        this.names,
        h("span", { class: "rb-grow" }),
        stage.badge,
        this.fold,
        this.clear,
      ),
      this.thread,
      h("div", { class: "rb-cb-compose rb-rule" }, this.field, this.send),
      h("div", { class: "rb-bar rb-cb-foot" }, this.keys.hints),
    );
    this.keys.attach(root, signal);
    this.send.addEventListener("click", () => (this.transcript?.answering ? this.stop() : this.ask()));
    this.clear.addEventListener("click", () => this.act("clear"));
    this.fold.addEventListener("click", () => this.setOpen(!this.open));
    this.field.addEventListener("input", () => this.buttons());
    stage.link.onPush((push: Push) => this.pushed(push));
    fill(this.thread, h("div", { class: "rb-empty" }, "Fetching the chat…"));
    void this.load();
  }

  // -- data -------------------------------------------------------------------------------------------------
  private async load(): Promise<void> {
    try {
      this.transcript = await this.stage.link.call<Transcript>("snapshot", {}, { lane: "snapshot" });
    } catch (error) {
      if (error instanceof Superseded) return;
      fill(this.thread, h("div", { class: "rb-empty" }, "The chat could not be fetched."));
      this.stage.fail(error);
      return;
    }
    this.paint();
  }

  private pushed(push: Push): void {
    if (this.transcript === null) return; // the snapshot on its way holds it
    if (push.renew) {
      void this.load();
      return;
    }
    this.transcript.answering = push.answering ?? this.transcript.answering;
    const follow = this.atEnd();
    for (const news of push.news ?? []) {
      const answer = take(this.transcript, news);
      const bubble = this.bubbles[news.turn - this.transcript.first]?.[news.student];
      if (answer === false || bubble === undefined) {
        void this.load();
        return;
      }
      this.fillBubble(bubble, answer);
    }
    if (follow) this.toEnd();
    this.buttons();
  }

  // -- the thread -------------------------------------------------------------------------------------------
  private paint(): void {
    const transcript = this.transcript as Transcript;
    this.stage.root.style.setProperty("--cb-students", String(transcript.labels.length));
    fill(this.names, ...transcript.labels.map((label, index) => this.name(label, index)));
    this.bubbles = [];
    if (transcript.turns.length === 0) {
      const two = transcript.labels.length > 1 ? "Both students answer the same question, side by side." : "";
      fill(
        this.thread,
        h(
          "div",
          { class: "rb-empty" },
          h("span", {}, "Ask something that the student was trained for."),
          two && h("span", { class: "rb-faint" }, two),
        ),
      );
    } else {
      fill(
        this.thread,
        transcript.first > 0
          ? h("div", { class: "rb-faint rb-cb-earlier" }, `${transcript.first} earlier turns are not shown.`)
          : null,
        ...transcript.turns.map((turn, index) => this.turn(turn.question, turn.answers, index)),
      );
    }
    this.toEnd();
    this.buttons();
  }

  private name(label: string, index: number): HTMLElement {
    return h(
      "span",
      { class: "rb-cb-name", style: `--run:var(--rb-run-${index % 6})` },
      h("i", { class: "rb-cb-dot", "aria-hidden": "true" }),
      label,
    );
  }

  private turn(question: string, answers: Answer[], index: number): HTMLElement {
    const bubbles = answers.map((answer, student) => this.bubble(answer, index, student));
    this.bubbles.push(bubbles);
    return h(
      "section",
      { class: "rb-cb-turn" },
      this.reader.text(question, "rb-cb-question"),
      h("div", { class: "rb-cb-answers" }, ...bubbles.map((bubble) => bubble.root)),
    );
  }

  private bubble(answer: Answer, turn: number, student: number): Bubble {
    const transcript = this.transcript as Transcript;
    const summary = h("summary", {});
    const thinking = h("div", { class: "rb-text rb-cb-thinking", dir: "auto" });
    const fold = h("details", { class: "rb-cb-fold", open: this.open }, summary, thinking);
    const said = h("div", { class: "rb-text rb-cb-said", dir: "auto" });
    const error = h("div", { class: "rb-error" });
    const foot = h("span", { class: "rb-faint" });
    const prompt = h("div", { class: "rb-cb-prompt", hidden: true });
    const show = h("button", { class: "rb-button rb-quiet rb-cb-show", "aria-expanded": "false" }, "exact prompt");
    show.addEventListener("click", () => {
      prompt.hidden = !prompt.hidden;
      show.setAttribute("aria-expanded", String(!prompt.hidden));
      if (!prompt.hidden) this.fetchPrompt(prompt, transcript.first + turn, student);
    });
    const label = transcript.labels[student] ?? "student";
    const root = h(
      "article",
      { class: "rb-cb-answer", "aria-label": label, style: `--run:var(--rb-run-${student % 6})` },
      transcript.labels.length > 1 ? h("div", { class: "rb-cb-who" }, label) : null,
      fold,
      said,
      error,
      h("div", { class: "rb-cb-note" }, foot, h("span", { class: "rb-grow" }), show),
      prompt,
    );
    const bubble = { root, fold, summary, thinking, said, error, foot, thinks: transcript.thinks[student] ?? true };
    this.fillBubble(bubble, answer);
    return bubble;
  }

  private fillBubble(bubble: Bubble, answer: Answer): void {
    const label = foldLabel(answer);
    bubble.fold.hidden = label === "";
    setText(bubble.summary, label);
    const waiting = answer.state === "waiting" ? "waiting for its turn…" : "";
    const said = answer.answer || waiting || (answer.state === "done" ? "(no answer)" : "");
    const finished = answer.state !== "waiting" && answer.state !== "writing"; // half a list is no list yet
    for (const [element, text] of [
      [bubble.thinking, answer.thinking],
      [bubble.said, said],
    ] as const)
      if (finished) this.reader.put(element, text);
      else this.reader.plain(element, text);
    bubble.said.classList.toggle("rb-faint", answer.answer === "");
    bubble.root.dataset.state = answer.state;
    setText(bubble.error, answer.error.filter(Boolean).join(" → "));
    setText(bubble.foot, footnote(answer, bubble.thinks));
  }

  private fetchPrompt(host: HTMLElement, turn: number, student: number): void {
    fill(host, h("span", { class: "rb-dim" }, "Fetching the prompt…"));
    this.stage.link
      .call<{ text: string; tokens: number }>("prompt", { turn, student })
      .then(({ text, tokens }) => {
        fill(
          host,
          h("span", { class: "rb-dim" }, `${tokens} tokens, as the student saw them`),
          h("pre", { tabindex: 0 }, text),
        );
        host.scrollIntoView({ block: "nearest" });
      })
      .catch((error) => {
        fill(host, h("span", { class: "rb-error" }, "The prompt could not be fetched."));
        this.stage.fail(error);
      });
  }

  private atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this.thread;
    return scrollHeight - scrollTop - clientHeight < 40;
  }

  private toEnd(): void {
    this.thread.scrollTop = this.thread.scrollHeight;
  }

  // -- verbs ------------------------------------------------------------------------------------------------
  private ask(): void {
    const question = this.field.value;
    if (question.trim() === "" || this.transcript === null || this.transcript.answering || this.asking) return;
    this.asking = true;
    this.buttons();
    this.stage.link
      .call("ask", { question }, { once: true })
      .then(() => {
        if (this.field.value === question) this.field.value = ""; // kept where the kernel refused it
      })
      .catch((error) => this.stage.fail(error))
      .finally(() => {
        this.asking = false;
        this.buttons();
      });
  }

  private enter(): void {
    if (document.activeElement === this.field) this.ask();
    else this.field.focus();
  }

  private newLine(): void {
    this.field.setRangeText("\n", this.field.selectionStart, this.field.selectionEnd, "end");
  }

  private stop(): void {
    if (this.transcript?.answering) this.act("stop");
    else this.thread.focus();
  }

  private again(): void {
    if (this.transcript !== null && !this.transcript.answering && this.transcript.turns.length > 0) this.act("again");
  }

  private act(verb: string): void {
    this.stage.link.call(verb, {}, { once: true }).catch((error) => this.stage.fail(error));
  }

  private setOpen(open: boolean): void {
    this.open = open;
    this.fold.setAttribute("aria-pressed", String(open));
    for (const details of this.thread.querySelectorAll<HTMLDetailsElement>(".rb-cb-fold")) details.open = open;
  }

  private buttons(): void {
    const answering = this.transcript?.answering ?? false;
    setText(this.send, answering ? "Stop" : "Ask");
    this.send.classList.toggle("rb-primary", !answering);
    this.send.disabled = !answering && (this.asking || this.transcript === null || this.field.value.trim() === "");
    this.clear.disabled = (this.transcript?.turns.length ?? 0) === 0;
  }
}

export default defineWidget("chat-box", "Chat with a student", (stage) => void new ChatBox(stage));
