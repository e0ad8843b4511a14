// What the tokens of a row say, to read: its messages with their tool calls, the reasoning, the response.

import { fill, h } from "../lib/dom.ts";
import type { Reader } from "../lib/reading.ts";
import { type Link, Superseded } from "../lib/rpc.ts";
import type { Message } from "../lib/tool_calls.ts";

interface Words {
  /** The last one is the response. */
  messages: Message[];
  reasoning: string;
}

export class MessagesView {
  readonly element = h("div", {
    class: "rb-pane rb-mp-messages",
    tabindex: 0,
    role: "group",
    "aria-label": "Messages",
    hidden: true,
  });
  private shown = -1;

  constructor(
    private readonly link: Link,
    private readonly reader: Reader,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Shows a row's messages, if the pane is open. */
  async show(index: number): Promise<void> {
    if (this.element.hidden || index === this.shown) return;
    this.shown = index;
    try {
      const words = await this.link.call<Words>("messages", { index }, { lane: "messages" });
      if (this.shown !== index) return;
      const part = (label: string, ...body: HTMLElement[]) =>
        h("section", {}, h("div", { class: "rb-label" }, label), ...body);
      fill(
        this.element,
        ...words.messages.slice(0, -1).map((message) => part(message.role, ...this.reader.message(message))),
        words.reasoning ? part("reasoning", this.reader.folded(words.reasoning)) : null,
        ...words.messages.slice(-1).map((message) => part("response", ...this.reader.message(message))),
      );
      this.element.scrollTop = 0;
    } catch (error) {
      if (error instanceof Superseded) return;
      this.shown = -1;
      this.fail(error);
    }
  }
}
