"""A student that writes a given text token by token; its tokenizer, prompts and parser are the real ones."""

from __future__ import annotations

import time
from dataclasses import dataclass

from reasonbook.chat import ChatFormat


@dataclass(frozen=True)
class Reply:
    thinking: str
    answer: str
    text: str
    tokens: int
    health: str


class Scripted:
    """A student that writes a given text token by token; everything around the writing is the real thing."""

    def __init__(self, folder, script, *, name="student", pause=0.0, strategy="final_and_reasoning"):
        self.format = ChatFormat(folder, strategy=strategy)
        self.name, self.script, self.pause = name, script, pause
        self.seen: list = []

    def generate(self, prompts, *, on_text=None, should_stop=None):
        [messages] = prompts
        self.seen.append(messages)
        if isinstance(self.script, Exception):
            raise self.script
        tokenizer = self.format.tokenizer
        ids = tokenizer(self.script, add_special_tokens=False).input_ids
        written, count = "", 0
        for place in range(len(ids)):
            if should_stop is not None and should_stop():
                break
            time.sleep(self.pause)
            text = tokenizer.decode(ids[: place + 1])
            if on_text is not None:
                on_text(0, text[len(written) :])
            written, count = text, count + 1
        parsed = self.format.parse(written)
        return [Reply(parsed.thinking, parsed.answer, written, count, parsed.health)]


THOUGHT = "<think>\nIntent: refund\nAmount: 55\n</think>\n\n$55<|im_end|>"
