"""Play: a perfect student writes a training row, is stopped, read, put back as history, and asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...data.conversation import Message
from ...data.task import Task
from ...errors import ReasonbookError
from ...html_card import clip
from ..dataset import ChatDataset
from ..loop_report import LoopBreak, Step
from ..template.template import Template, TemplateRenderError
from ..thinking_parser import Parsed
from ..written_text import WrittenText

OWN_TEMPLATE = 'df.reason.to_chat(student, chat_template="…")   # a Jinja template that keeps to it'
_PIECES = 64  # in which a long row is streamed; a short one comes token by token
_HEAD = ("prompt", "context")


class _Broken(Exception):
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
        arrays = dataset.arrays
        self._turns = {
            (int(arrays.row[at]), int(arrays.turn[at]), int(arrays.half[at])): i
            for i, at in enumerate(dataset.chosen)
        }

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
            self._play(index)
        except _Broken as why:
            row = int(self.dataset.arrays.position[self.dataset.chosen[index]]) if position else None
            return LoopBreak(case, why.step, why.said, why.fix, row, needed)
        return None

    def _play(self, index: int) -> None:
        at = int(self.dataset.chosen[index])
        task, half = self.dataset.tasks[index], int(self.dataset.arrays.half[at])
        thought = None
        if self.chat.calls == 2 and task.reasoning and not half:
            thought = task.reasoning  # what the first call gave, which is a training row of its own
        head, written, trailer = self._ids(index)
        self._asked(task, thought, head)
        ids = self._stopped(written, trailer)
        text = self.chat.tokenizer.decode(ids, skip_special_tokens=False)
        thinks = self._thinks(task)
        parsed = self._read(text, task, thought, half, thinks)
        if thought is None and not half:
            self._streamed(ids, parsed, thinks)
        if not half:
            self._goes_on(at, task, parsed)
        self._serves(task)

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
        return self.chat.thinking and bool(task.reasoning)

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
            raise _Broken(step, fault.problem, fault.fix or OWN_TEMPLATE) from fault
        if asked != head:
            raise _Broken(
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
            raise _Broken("stop", f"no stop token ends it: {clip(after, 60)!r}")
        if end < len(written):
            token = self.chat.tokenizer.decode(written[end - 1 : end])
            rest = self.chat.tokenizer.decode(written[end : end + 12])
            raise _Broken("stop", f"the stop token {token!r} stands inside it: {clip(rest, 60)!r} is cut off")
        return written[:end]

    def _read(self, text: str, task: Task, thought: str | None, half: int, thinks: bool) -> Parsed:
        parsed = self.chat.parse(text, thought=thought, thinks=thinks)
        wanted = task.reasoning if half else task.expected
        if parsed.answer != wanted.strip():
            raise _Broken(
                "parse", f"the answer {clip(wanted.strip(), 60)!r} comes back as {clip(parsed.answer, 60)!r}"
            )
        if self.chat.config.mask_reasoning:
            return parsed  # what it thinks is its own then
        wanted = "" if half or not (self.chat.thinking or thought) else task.reasoning
        if parsed.thinking != wanted.strip():
            raise _Broken(
                "parse",
                f"the thinking {clip(wanted.strip(), 60)!r} comes back as {clip(parsed.thinking, 60)!r}",
            )
        if parsed.health not in (("valid",) if wanted else ("missing", "empty")):
            raise _Broken("parse", f"its thinking is called {parsed.health}")
        return parsed

    def _streamed(self, ids: list[int], parsed: Parsed, thinks: bool) -> None:
        stream, written = self.chat.parser_after(thinks).stream(), WrittenText(self.chat.tokenizer)
        step = max(1, len(ids) // _PIECES)
        pieces: list[tuple[str, str]] = []
        for end in range(step, len(ids) + step, step):
            pieces += stream.feed(written.new(ids[:end]))
        pieces += stream.close()
        for kind, whole in (("thinking", parsed.thinking), ("answer", parsed.answer)):
            found = "".join(text for what, text in pieces if what == kind)
            if found != whole:
                raise _Broken("stream", f"the {kind} {clip(whole, 60)!r} arrives as {clip(found, 60)!r}")

    def _goes_on(self, at: int, task: Task, parsed: Parsed) -> None:
        """The next turn of the same row is asked behind what the student wrote, not behind what was expected."""
        arrays = self.dataset.arrays
        row, turn = int(arrays.row[at]), int(arrays.turn[at])
        following = self._turns.get((row, turn + 1, 0))
        if following is None or self.chat.calls == 2:
            return
        after = self.dataset.tasks[following]
        messages = list(after.prompt)
        place = len(task.prompt)
        messages[place] = _put_back(messages[place], self.chat.reply(parsed.answer, parsed.thinking))
        head, trained = self._ids(following)[0], "the next turn was trained behind"
        self._same_prompt("history", messages, None, self._thinks(after), head, trained)

    def _serves(self, task: Task) -> None:
        if self.served is None or self.chat.calls == 2 or (self.chat.thinking and not task.reasoning):
            return
        form = replace(self.chat.probe.form, system=True)
        try:
            found = self.served.render(form.messages(task.prompt), generation=True, kwargs={})
        except TemplateRenderError as fault:
            raise _Broken("served", f"the exported template refuses it: {fault}") from fault
        trained = self.chat.prompt_text(task.prompt)
        if found != trained:
            at = next((i for i, (a, b) in enumerate(zip(found, trained, strict=False)) if a != b), len(found))
            parts = [clip(text[max(0, at - 20) :], 60) for text in (found, trained)]
            raise _Broken("served", f"the exported template says …{parts[0]!r}, training saw …{parts[1]!r}")


def _put_back(message: Message, reply: Message) -> Message:
    """What was written in place of what was expected; calls of tools stand beside it as a server reads them."""
    if not message.get("tool_calls"):
        return reply
    return {**message, **{key: value for key, value in reply.items() if key not in ("role", "content")}}
