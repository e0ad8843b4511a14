"""Pieces: what a template writes around thinking and answer, learnt from its rendering of sentinels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..families import MARK, TAGS, Family
from ..message_form import MessageForm
from ..prompt_mode import PromptMode
from ..sentinels import ANSWER, SYSTEM, THOUGHT, USER2, TemplateProber, user
from ..syntax.names import THINKING
from ..template import TemplateRenderError
from .switches import HEAD, Setting

_THOUGHT2, _ANSWER2 = "thoughtbasalt: ä 1.50\n\n- second basaltline", "answerbasalt 42.\n\nbasaltend"
_TAG = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


class CarrierError(Exception):
    """A carrier does not work; the text says why."""


@dataclass(frozen=True)
class PieceLearner:
    """Learns the pieces of one template.

    Attributes:
        prober: renders the sentinels.
        own_tags: thinking tags to use whatever the template's own are.
    """

    prober: TemplateProber
    own_tags: tuple[str, str] | None = None

    def by_rendering(self, form: MessageForm, setting: Setting) -> PromptMode:
        """The pieces around thinking and answer, the same in three conversations, or `CarrierError`."""
        pieces = opening, middle, tail, exact = self._pieces(form, setting, HEAD, THOUGHT, ANSWER)
        earlier = [*HEAD, {"role": "assistant", "content": ANSWER}, user(USER2)]
        if form.system:
            earlier.insert(0, {"role": "system", "content": SYSTEM})
        for messages in (HEAD, earlier):
            if self._pieces(form, setting, messages, _THOUGHT2, _ANSWER2) != pieces:
                raise CarrierError("what stands around the reasoning changes from row to row")
        return self._mode(setting, opening, middle, tail, exact=exact)

    def _pieces(
        self, form: MessageForm, setting: Setting, head: list[dict[str, Any]], thought: str, answer: str
    ) -> tuple[str, str, str, bool]:
        """What stands before the thinking, between it and the answer, and after; and whether the row is exact."""
        prompt = setting.prompt if head is HEAD else self.prober.prompt(form, head, setting.kwargs)
        full = self.prober.whole(form, head, setting.kwargs, answer, thought, tags=self.own_tags or TAGS)
        before, after = _around(full, thought)
        middle, found, tail = after.partition(answer)
        if not found or answer in tail:
            raise CarrierError("the answer does not follow the reasoning")
        if not middle.strip():
            raise CarrierError("nothing stands between reasoning and answer")
        opening, exact = self._opening(prompt, before, middle)
        return opening, middle, tail, exact

    def _opening(self, prompt: str, before: str, middle: str) -> tuple[str, bool]:
        """What the student writes before its thinking, and whether the template's row begins with the prompt."""
        asked, opening = parted(prompt, before)
        closing = closing_mark(middle)
        foreign = self.own_tags and set(MARK.findall(opening)) - set(self.own_tags)
        if closing in asked or closing in opening or foreign:
            raise CarrierError("an empty thinking block stands before the reasoning")
        if not asked:
            if opening.strip() and prompt.rstrip().endswith(opening.strip()):
                raise CarrierError("the prompt has opened the thinking already")
            return opening, True
        if not asked.strip():
            return opening.lstrip(), False
        if opening.strip() or not (MARK.search(asked) or THINKING.search(asked)):
            raise CarrierError("the row does not begin with the generation prompt")
        return "", False  # the prompt opens the thinking, and the template's own row leaves that out

    def _mode(
        self, setting: Setting, opening: str, middle: str, tail: str, *, exact: bool, ending: str = ""
    ) -> PromptMode:
        if closing_mark(middle) in setting.tail and not self.own_tags:
            raise CarrierError("the prompt closes the thinking")
        stop, trailer, added = self.prober.split_stop(tail, opening + middle)
        return PromptMode(
            setting.kwargs, setting.tail, opening, middle, ending + stop, trailer, exact, added, shown=tail
        )

    def by_brackets(self, form: MessageForm, setting: Setting, before: str, after: str) -> PromptMode:
        """The pieces of a template that writes thinking elsewhere, before calls of tools say: those of its own text."""
        opening, closing = list(_TAG.finditer(before)), _TAG.search(after)
        if not opening or not closing or after[: closing.start()].strip():
            raise CarrierError("no marks stand around the reasoning")
        bare = self.prober.whole(form, HEAD, setting.kwargs, ANSWER)
        turn, _, tail = bare.rpartition(ANSWER)
        middle = after[: closing.end()] + parted(setting.prompt, turn)[1].rpartition(closing[0])[2]
        begun = setting.prompt + before[opening[-1].start() :]
        if setting.tail.rstrip().endswith(opening[-1][0]):
            begun = turn  # the prompt opens the thinking
        opened, _ = self._opening(setting.prompt, begun, middle)
        return self._mode(setting, opened, middle, tail, exact=False)

    def by_family(self, form: MessageForm, setting: Setting, family: Family) -> PromptMode:
        """The pieces that a family is known for, behind the template's own prompt."""
        tail = self.prober.answer_tail(form, setting.kwargs)
        opened = setting.tail.rstrip().endswith(family.opening.strip() or family.prompt_ends)
        opening = "" if opened else family.opening
        return self._mode(setting, opening, family.middle, tail, exact=False, ending=family.ending)

    def plain(self, form: MessageForm, setting: Setting, on: PromptMode) -> PromptMode:
        """The mode without thinking under a setting, given the one with it."""
        prompt, between = setting.prompt, on.opening + on.middle
        opened = not on.opening.strip() and setting.tail == on.tail  # the student closes the thinking itself
        try:
            full = self.prober.whole(form, HEAD, setting.kwargs, ANSWER)
        except TemplateRenderError:
            full = ""
        closing = closing_mark(on.middle)
        if full.count(ANSWER) != 1:
            opening = on.middle if opened else ""
            return PromptMode(
                setting.kwargs, setting.tail, opening, "", on.stop, on.trailer, False, on.stop_added,
                opening, on.shown,
            )  # fmt: skip
        before, tail = full.split(ANSWER)
        asked, opening = parted(prompt, before)
        exact = not asked
        if opened and closing not in opening:
            opening, exact = on.middle, False
        elif asked.strip() and closing in opening:
            opening = opening.rpartition(closing)[2]
        elif asked and not asked.strip():
            opening = opening.lstrip()
        stop, trailer, added = self.prober.split_stop(tail, between)
        empty = opening if closing in opening and on.middle.strip() in opening else ""
        return PromptMode(
            setting.kwargs, setting.tail, opening, "", stop, trailer, exact, added, empty, shown=tail
        )


def closing_mark(middle: str) -> str:
    """The mark that closes the thinking, out of what stands before the answer."""
    match = _TAG.search(middle)
    return match[0] if match else middle.strip()


def _around(full: str, thought: str) -> tuple[str, str]:
    if full.count(thought) != 1:
        raise CarrierError("the reasoning vanishes" if thought not in full else "the reasoning stands twice")
    before, _, after = full.partition(thought)
    return before, after


def parted(prompt: str, before: str) -> tuple[str, str]:
    """What a prompt and a row have after all that they have in common; no mark is cut through."""
    if before.startswith(prompt):
        return "", before[len(prompt) :]
    same, most = 0, min(len(prompt), len(before))
    while same < most:
        half = (same + most + 1) // 2
        same, most = (half, most) if prompt[:half] == before[:half] else (same, half - 1)
    for begin, end in ("<>", "[]", "◁▷"):
        at = prompt.rfind(begin, 0, same)
        if at > prompt.rfind(end, 0, same):
            same = at
    return prompt[same:], before[same:]
