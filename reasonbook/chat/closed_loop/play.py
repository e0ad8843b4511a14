"""Play: a perfect student writes a training row, is stopped, read, put back as history, asked again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...data.conversation import Message
from ...data.task import Task
from ...errors import ReasonbookError
from ...html_card import clip
from ..dataset import ChatDataset
from ..loop_report import STEPS, LoopBreak, PlayedRow, PlayedStep, Step
from ..template.template import Template, TemplateRenderError
from ..thinking_parser import Parsed, ThinkingStream
from ..written_text import WrittenText

OWN_TEMPLATE = 'df.reason.to_chat(student, chat_template="…")   # a Jinja template that keeps to it'
_PIECES = 64  # in which a long row is streamed; a short one comes token by token
_HEAD = ("prompt", "context")


class _LoopBrokenError(Exception):
    def __init__(self, step: Step, said: str, fix: str = OWN_TEMPLATE) -> None:
        super().__init__(said)
        self.step: Step = step
        self.said, self.fix = said, fix


class Player:
    """Plays training rows of one dataset.

    Args:
        dataset: as it would be trained.
        served: the exported template, which is given no arguments; None leaves that step out.
    """

    def __init__(self, dataset: ChatDataset, served: Template | None = None) -> None:
        self.dataset = dataset
        self.chat = dataset.format
        self.served = served

    def breaks(
        self, index: int, case: str, *, position: bool = False, needed: bool = True
    ) -> LoopBreak | None:
        """Where a perfect student fails with a training row; None where it gets through.

        Args:
            index: which training row.
            case: what kind of row it is, for the report.
            position: name the row of the frame.
            needed: the data holds such rows.
        """
        try:
            for _ in self._play(index):
                pass
        except _LoopBrokenError as why:
            row = int(self.dataset.arrays.position[self.dataset.chosen[index]]) if position else None
            return LoopBreak(case, why.step, why.said, why.fix, row, needed)
        return None

    def played(self, index: int) -> PlayedRow:
        """What a perfect student writes for a training row, how it is read back, and which steps it passes."""
        passed: list[Step] = []
        broken: _LoopBrokenError | None = None
        try:
            for step in self._play(index):
                passed.append(step)
        except _LoopBrokenError as why:
            broken = why
        head, written, _ = self._ids(index)
        stops = set(self.chat.stop_ids)
        stop = next((i for i, token in enumerate(written) if token in stops), -1)
        text = self.chat.tokenizer.decode(
            written if stop < 0 else written[: stop + 1], skip_special_tokens=False
        )
        task, half, thought = self._task(index)
        parsed = self.chat.parse(text, thought=thought, thinks=self._thinks(task), request=task.prompt)
        answer, thinking = self._wanted(task, thought, half)
        return PlayedRow(
            story=self._story(written, stop),
            start=len(head),
            stop=stop if stop < 0 else len(head) + stop,
            end=len(head) + len(written),
            thinking=parsed.thinking,
            answer=parsed.answer,
            row_thinking=parsed.thinking if self.chat.config.mask_reasoning else thinking,
            row_answer=answer,
            steps=tuple(_steps(passed, broken)),
        )

    def _story(self, written: list[int], stop: int) -> str:
        if stop < 0:
            return f"It writes {len(written)} tokens and does not stop."
        token = written[stop]
        lost = f"; {len(written) - stop - 1} behind it are lost" if stop + 1 < len(written) else ""
        return f"It writes {stop + 1} tokens and stops at {self.chat.tokenizer.decode([token])}, id {token}{lost}."

    def _task(self, index: int) -> tuple[Task, int, str | None]:
        """What is asked of the student, in which half, behind which thought of the first half."""
        at = int(self.dataset.chosen[index])
        task, half = self.dataset.tasks[index], int(self.dataset.arrays.half[at])
        thought = None
        if self.chat.calls == 2 and task.reasoning and not half:
            # What the first call gave, which is a training row of its own.
            thought = self.chat.guard.text(task.reasoning, "the reasoning holds")
        return task, half, thought

    def _play(self, index: int) -> Iterator[Step]:
        """Gives each step that is passed."""
        task, half, thought = self._task(index)
        head, written, trailer = self._ids(index)
        self._asked(task, thought, head)
        yield "prompt"
        ids = self._stopped(written, trailer)
        yield "stop"
        text = self.chat.tokenizer.decode(ids, skip_special_tokens=False)
        thinks = self._thinks(task)
        parsed = self._read(text, task, thought, half, thinks)
        yield "parse"
        if thought is None and not half:
            self._streamed(ids, parsed, self.chat.parser_after(thinks, task.prompt).stream())
            yield "stream"
        if not half and self._goes_on(index, task, parsed):
            yield "history"
        if self._serves(task):
            yield "served"

    def _ids(self, index: int) -> tuple[list[int], list[int], list[int]]:
        """The ids of the prompt, of what the student writes, and of what the template adds behind it."""
        example = self.dataset[index]
        spans = example.spans
        ids: list[int] = example.input_ids.tolist()
        begin = next((span.start for span in spans if span.part not in _HEAD), len(ids))
        end = spans[-1].start if spans and spans[-1].part == "trailer" else len(ids)
        return ids[:begin], ids[begin:end], ids[end:]

    def _thinks(self, task: Task) -> bool:
        """Whether the row was trained behind a prompt that asks for thinking."""
        return self.chat.strategy != "final_only" and bool(task.reasoning)

    def _asked(self, task: Task, thought: str | None, head: list[int]) -> None:
        self._same_prompt(
            "prompt", task.prompt, thought, self._thinks(task), head, "the row was trained behind"
        )

    def _same_prompt(
        self,
        step: Step,
        messages: Sequence[Message],
        thought: str | None,
        thinks: bool,
        head: list[int],
        what: str,
    ) -> None:
        try:
            asked = self.chat.prompt_ids(messages, thought=thought, thinks=thinks)
        except ReasonbookError as fault:
            raise _LoopBrokenError(step, fault.problem, fault.fix or OWN_TEMPLATE) from fault
        if asked != head:
            raise _LoopBrokenError(
                step, f"inference asks {self._apart(asked, head)[0]}, {what} {self._apart(asked, head)[1]}"
            )

    def _apart(self, a: list[int], b: list[int]) -> tuple[str, str]:
        """Where two runs of ids part, as text."""
        same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        texts = [self.chat.tokenizer.decode(ids[max(0, same - 3) : same + 8]) for ids in (a, b)]
        if texts[0] == texts[1]:
            return f"{a[same : same + 4]}", f"{b[same : same + 4]} (the same text in other tokens)"
        return f"…{clip(texts[0], 60)!r}", f"…{clip(texts[1], 60)!r}"

    def _stopped(self, written: list[int], trailer: list[int]) -> list[int]:
        """What is left of what the student writes when the server stops it."""
        stops = set(self.chat.stop_ids)
        end = next((i + 1 for i, token in enumerate(written) if token in stops), None)
        if end is None:
            after = self.chat.tokenizer.decode([*written[-4:], *trailer[:4]])
            raise _LoopBrokenError("stop", f"no stop token ends it: {clip(after, 60)!r}")
        if end < len(written):
            token = self.chat.tokenizer.decode(written[end - 1 : end])
            rest = self.chat.tokenizer.decode(written[end : end + 12])
            raise _LoopBrokenError(
                "stop", f"the stop token {token!r} stands inside it: {clip(rest, 60)!r} is cut off"
            )
        return written[:end]

    def _read(self, text: str, task: Task, thought: str | None, half: int, thinks: bool) -> Parsed:
        parsed = self.chat.parse(text, thought=thought, thinks=thinks, request=task.prompt)
        answer, thinking = self._wanted(task, thought, half)
        if parsed.answer != answer:
            raise _LoopBrokenError(
                "parse", f"the answer {clip(answer, 60)!r} comes back as {clip(parsed.answer, 60)!r}"
            )
        if self.chat.config.mask_reasoning:
            return parsed  # what it thinks is its own then
        if parsed.thinking != thinking:
            raise _LoopBrokenError(
                "parse", f"the thinking {clip(thinking, 60)!r} comes back as {clip(parsed.thinking, 60)!r}"
            )
        if parsed.health not in (("valid",) if thinking else ("missing", "empty")):
            raise _LoopBrokenError("parse", f"its thinking is called {parsed.health}")
        return parsed

    def _wanted(self, task: Task, thought: str | None, half: int) -> tuple[str, str]:
        """The answer and the thinking that must come back."""
        wanted = "" if half or not (self.chat.thinking or thought) else task.reasoning
        return (task.reasoning if half else task.expected).strip(), wanted.strip()

    def _streamed(self, ids: list[int], parsed: Parsed, stream: ThinkingStream) -> None:
        written = WrittenText(self.chat.tokenizer)
        step = max(1, len(ids) // _PIECES)
        pieces: list[tuple[str, str]] = []
        for end in range(step, len(ids) + step, step):
            pieces += stream.feed(written.new(ids[:end]))
        pieces += stream.close()
        for kind, whole in (("thinking", parsed.thinking), ("answer", parsed.answer)):
            found = "".join(text for what, text in pieces if what == kind)
            if found != whole:
                raise _LoopBrokenError(
                    "stream", f"the {kind} {clip(whole, 60)!r} arrives as {clip(found, 60)!r}"
                )

    def _goes_on(self, index: int, task: Task, parsed: Parsed) -> bool:
        """The next turn of the same row is asked behind what the student wrote, not behind what was expected.

        False where there is no next turn, or none that is asked so.
        """
        following = self._following(index)
        if following is None or self.chat.calls == 2:
            return False
        after = self.dataset.tasks[following]
        messages = list(after.prompt)
        place = len(task.prompt)
        messages[place] = _put_back(messages[place], self.chat.reply(parsed.answer, parsed.thinking))
        head, trained = self._ids(following)[0], "the next turn was trained behind"
        self._same_prompt("history", messages, None, self._thinks(after), head, trained)
        return True

    def _following(self, index: int) -> int | None:
        """The training row of the next turn of the same row; they stand side by side."""
        arrays, chosen = self.dataset.arrays, self.dataset.chosen
        at = chosen[index]
        for i in range(index + 1, min(index + 3, len(chosen))):
            found = chosen[i]
            if arrays.row[found] == arrays.row[at] and arrays.turn[found] == arrays.turn[at] + 1:
                return i if not arrays.half[found] else None
        return None

    def _serves(self, task: Task) -> bool:
        """The exported template, without arguments, asks as training did; False for rows that it does not ask so."""
        if self.served is None or self.chat.calls == 2 or (self.chat.thinking and not task.reasoning):
            return False
        form = replace(self.chat.probe.form, system=True, parts=False)  # messages as clients send them
        messages = form.messages(self.chat.guard.messages(task.prompt))
        try:
            found = self.served.render(messages, generation=True, kwargs={})
        except TemplateRenderError as fault:
            raise _LoopBrokenError("served", f"the exported template refuses it: {fault}") from fault
        trained = self.chat.prompt_text(task.prompt)
        if found != trained:
            at = next((i for i, (a, b) in enumerate(zip(found, trained, strict=False)) if a != b), len(found))
            parts = [clip(text[max(0, at - 20) :], 60) for text in (found, trained)]
            raise _LoopBrokenError(
                "served", f"the exported template says …{parts[0]!r}, training saw …{parts[1]!r}"
            )
        return True


def _steps(passed: Sequence[Step], broken: _LoopBrokenError | None) -> Iterator[PlayedStep]:
    """Every step from the prompt on, whatever became of it."""
    reached = True
    for step in STEPS[1:]:
        if broken is not None and broken.step == step:
            reached = False
            yield PlayedStep(step, "broken", broken.said, broken.fix)
        else:
            yield PlayedStep(step, "passed" if step in passed else "not asked" if reached else "not reached")


def _put_back(message: Message, reply: Message) -> Message:
    """What was written in place of what was expected; calls of tools stand beside it as a server reads them."""
    if not message.get("tool_calls"):
        return reply
    return {**message, **{key: value for key, value in reply.items() if key not in ("role", "content")}}
