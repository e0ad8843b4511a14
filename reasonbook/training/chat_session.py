"""Chat session: a conversation with one or two students, answered as it is written."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..data.conversation import Message
from ..errors import TrainingError
from ..events import Stream
from ..html_card import card, clip, details, table
from ..job import Job, Status

if TYPE_CHECKING:
    from ..chat import ChatFormat
    from .answering.generate import Reply

MOST_STUDENTS = 2


class Responder(Protocol):
    """What a session needs from a trained student."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def format(self) -> ChatFormat:
        """How it is asked and read."""
        ...

    def generate(
        self,
        prompts: Sequence[str | Sequence[Message]],
        *,
        on_text: Callable[[int, str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Sequence[Reply]:
        """One reply (thinking, answer, text, tokens, health) a prompt, each piece told as it is written."""
        ...


@dataclass
class ChatAnswer:
    """One student's answer; it grows while ``state`` is ``"writing"``.

    Attributes:
        state: ``waiting``, ``writing``, ``done``, ``stopped`` or ``failed``.
        health: of the thinking, once done.
        tokens: written so far.
        seconds: of writing.
        error: why it failed: what happened, and what to type.
    """

    thinking: str = ""
    answer: str = ""
    state: str = "waiting"
    health: str = ""
    tokens: int = 0
    seconds: float = 0.0
    error: tuple[str, str] = ("", "")


@dataclass
class ChatTurn:
    """A question and what each student makes of it."""

    question: str
    answers: list[ChatAnswer] = field(default_factory=list[ChatAnswer])


class ChatSession:
    """A talk with one or two students; every student sees its own earlier answers, and of their thinking what
    its chat template shows, as in training.

    ``ask`` returns at once; what is written arrives as ``text`` events and in ``turns``. One question is
    answered at a time, by one student after the other, so that they do not slow each other.

    Args:
        runs: one run or two.
        system: a system message, the same for all.

    Example:
        >>> session = thinking.chat(beside=plain)
        >>> session.ask("How much do I get back?").wait()
        ChatSession(..., turns=1)
    """

    def __init__(self, runs: Sequence[Responder], *, system: str = "") -> None:
        if not 1 <= len(runs) <= MOST_STUDENTS:
            raise TrainingError(
                f"A chat is with one student or two, not with {len(runs)}.", "run.chat(beside=plain)"
            )
        self.runs = tuple(runs)
        self.system = system
        self.turns: list[ChatTurn] = []
        self.stream = Stream(keep=1000)
        self._job: _Answering | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What the students are called."""
        return tuple(run.name for run in self.runs)

    @property
    def answering(self) -> bool:
        """Whether a question is being answered."""
        return self._job is not None and self._job.running

    def ask(self, question: str) -> ChatSession:
        """Puts a question to all students; the answers are written in the background.

        Raises:
            TrainingError: the question is blank, or another one is still being answered.
        """
        if not question.strip():
            raise TrainingError("The question is blank.", 'session.ask("…")')
        if self.answering:
            raise TrainingError(
                "The last question is still being answered.", "session.wait()   or   session.stop()"
            )
        turn = ChatTurn(question, [ChatAnswer() for _ in self.runs])
        self.turns.append(turn)
        self.stream.emit("asked", turn=len(self.turns) - 1)
        self._job = _Answering(self, turn)
        self._job.start()
        return self

    def again(self) -> ChatSession:
        """Asks the last question once more, in place of its answers."""
        if not self.turns:
            raise TrainingError("Nothing has been asked yet.", 'session.ask("…")')
        if self.answering:
            raise TrainingError(
                "The last question is still being answered.", "session.wait()   or   session.stop()"
            )
        return self.ask(self.turns.pop().question)

    def wait(self, timeout: float | None = None) -> ChatSession:
        """Waits until the question is answered; an interrupt stops the answer and is raised on."""
        if self._job is not None:
            self._job.wait(timeout)
        return self

    def stop(self) -> ChatSession:
        """Ends the answer after the token that is being written; what is written stays."""
        if self._job is not None:
            self._job.stop()
        return self

    def clear(self) -> ChatSession:
        """Begins anew, without the earlier turns."""
        self.stop()
        if self._job is not None and self._job.running:
            with contextlib.suppress(Exception):  # an answer that failed goes too
                self._job.wait(5)
        self.turns = []
        self.stream.emit("cleared")
        return self

    def prompt(self, turn: int = -1, student: int = 0) -> tuple[str, int]:
        """The exact text that a student saw for a turn, special tokens included, and its length in tokens."""
        if not self.turns:
            raise TrainingError("Nothing has been asked yet.", 'session.ask("…")')
        place = range(len(self.turns))[turn]
        form = self.runs[student].format
        messages = self.messages(place, student)
        return form.prompt_text(messages), len(form.prompt_ids(messages))

    def messages(self, turn: int, student: int) -> list[Message]:
        """The messages that ask a student for its answer to a turn."""
        messages: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        for earlier in self.turns[:turn]:
            messages.append({"role": "user", "content": earlier.question})
            answer = earlier.answers[student]
            messages.append(self.runs[student].format.reply(answer.answer, answer.thinking))
        messages.append({"role": "user", "content": self.turns[turn].question})
        return messages

    def __repr__(self) -> str:
        return f"ChatSession({' and '.join(self.labels)}, turns={len(self.turns)})"

    def _repr_html_(self) -> str:
        body = ""
        for turn in self.turns[-10:]:
            rows = [
                (label, answer.answer or answer.error[0] or answer.state)
                for label, answer in zip(self.labels, turn.answers, strict=True)
            ]
            thought = [
                (label, answer.thinking)
                for label, answer in zip(self.labels, turn.answers, strict=True)
                if answer.thinking
            ]
            body += table((clip(turn.question, 200), ""), rows)
            body += details("thinking", table(("", ""), thought)) if thought else ""
        return card(
            "Chat with " + " and ".join(self.labels),
            {"turns": len(self.turns)},
            body=body,
            next_verb='session.ask("…").wait()',
        )


class _Answering(Job):
    """Lets each student answer one turn."""

    def __init__(self, session: ChatSession, turn: ChatTurn) -> None:
        super().__init__()
        self.session, self.turn = session, turn

    def _work(self) -> Status:
        place = self.session.turns.index(self.turn)
        for student, answer in enumerate(self.turn.answers):
            if self.stopping:
                answer.state = "stopped"
            else:
                self._answer(place, student, answer)
            self.session.stream.emit("answered", turn=place, student=student, state=answer.state)
        failed = all(answer.state == "failed" for answer in self.turn.answers)
        self.session.stream.emit("ready")
        return Status.PARTIAL if failed else Status.CANCELLED if self.stopping else Status.COMPLETED

    def _answer(self, place: int, student: int, answer: ChatAnswer) -> None:
        run = self.session.runs[student]
        plain = run.format.calls > 1  # two calls: which is which is known when both are there
        begun = time.perf_counter()
        answer.state = "writing"

        def written(_: int, piece: str) -> None:
            answer.tokens += 1
            answer.seconds = time.perf_counter() - begun
            for kind, text in [("thinking", piece)] if plain else parts.feed(piece):
                if kind == "thinking":
                    answer.thinking += text
                else:
                    answer.answer += text
            self.session.stream.emit("text", turn=place, student=student)

        try:
            messages = self.session.messages(place, student)
            parts = run.format.parser_after(run.format.thinking, messages).stream()
            reply = run.generate([messages], on_text=written, should_stop=lambda: self.stopping)[0]
        except Exception as error:  # the other student still answers
            problem = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
            answer.error = (str(problem), str(getattr(error, "fix", "") or ""))
            answer.state = "failed"
            return
        answer.thinking, answer.answer = reply.thinking, reply.answer
        answer.health, answer.tokens = reply.health, int(reply.tokens)
        answer.seconds = time.perf_counter() - begun
        answer.state = "stopped" if self.stopping else "done"
