"""Chat box: talk to one or two students; thinking is streamed and folded."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..events import Event
from ..training.chat_session import ChatAnswer, ChatSession
from .base import View, verb
from .serialize import Packed

SHOWN = 50  # turns that a page gets when it opens


class ChatBox(View):
    """A chat with the students of a `ChatSession`.

    What is written arrives as pieces, at most 20 messages a second; a page that opens late or again gets the
    whole talk.

    Args:
        session: a `ChatSession`; ``run.chat()`` makes one.

    Example:
        >>> view = rb.widgets.ChatBox(thinking.chat(beside=plain))
    """

    _name = "chat_box"

    core: ChatSession

    def __init__(self, session: ChatSession) -> None:
        self._told: dict[tuple[int, int], tuple[int, int]] = {}
        super().__init__(session)

    def fold(self, event: Event) -> None:
        """Touches the answer that an event is about."""
        if event.kind == "text":
            self.touch(f"{event.data['turn']}:{event.data['student']}")
        elif event.kind == "answered":
            self.touch(f"end:{event.data['turn']}:{event.data['student']}")
        else:
            self.touch(event.kind)

    def snapshot(self) -> dict[str, Any]:
        """The students and the last turns of the talk, whole."""
        turns = self.core.turns
        first = max(0, len(turns) - SHOWN)
        return {
            "labels": list(self.core.labels),
            "thinks": [run.format.strategy != "final_only" for run in self.core.runs],
            "answering": self.core.answering,
            "first": first,
            "turns": [
                {"question": turn.question, "answers": [self._whole(answer) for answer in turn.answers]}
                for turn in turns[first:]
            ],
        }

    def collect(self, topics: set[str]) -> Packed | dict[str, Any] | None:
        """What was written since the last message, answer by answer; an answer that ended is told whole."""
        if topics & {"asked", "cleared"}:
            self._told = {}
            return {"renew": True}
        news: list[dict[str, Any]] = []
        for topic in sorted(topics):
            *end, turn, student = topic.split(":") if ":" in topic else (topic, "", "")
            if not turn or int(turn) >= len(self.core.turns):
                continue
            answer = self.core.turns[int(turn)].answers[int(student)]
            place = (int(turn), int(student))
            if end:  # the reply as parsed may differ in its white space from what was streamed
                news.append({"turn": place[0], "student": place[1], **self._whole(answer)})
                self._told[place] = (len(answer.thinking), len(answer.answer))
                continue
            thinking, said = answer.thinking, answer.answer
            from_thinking, from_said = self._told.get(place, (0, 0))
            news.append(
                {
                    "turn": place[0],
                    "student": place[1],
                    "at": [from_thinking, from_said],
                    "more": [thinking[from_thinking:], said[from_said:]],
                    "state": answer.state,
                    "tokens": answer.tokens,
                    "seconds": answer.seconds,
                }
            )
            self._told[place] = (len(thinking), len(said))
        return {"answering": self.core.answering and "ready" not in topics, "news": news}

    @staticmethod
    def _whole(answer: ChatAnswer) -> dict[str, Any]:
        return asdict(answer)

    # -- what the page may call --------------------------------------------------------------------------
    @verb(once=True)
    def ask(self, question: str) -> None:
        """Puts a question to the students; their answers come as events."""
        self.core.ask(question)

    @verb(once=True)
    def again(self) -> None:
        """Has the last question answered anew."""
        self.core.again()

    @verb(once=True)
    def stop(self) -> None:
        """Ends the answer that is being written."""
        self.core.stop()

    @verb(once=True, background=True)
    def clear(self) -> None:
        """Begins a new talk."""
        self.core.clear()

    @verb()
    def prompt(self, turn: int, student: int) -> dict[str, Any]:
        """The exact text that a student saw, and its length in tokens."""
        text, tokens = self.core.prompt(turn, student)
        return {"text": text, "tokens": tokens}
