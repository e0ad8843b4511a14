"""Pairs: preferences in the form of TRL's trainers, in the student's own way to carry reasoning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ..chat import ChatFormat
from ..chat.template.template import TemplateRenderError
from ..data.row_account import RowAccount
from ..errors import FormatError
from ..html_card import card, details, table
from .preferences import NOTHING_SAID, AnswerSide, Preference, Preferences

BLANK = "the two sides differ in white space only"
EQUAL = "the two sides are the same"
PROMPT = "the student's template writes another prompt than in training"
LOSES = "the student's template loses the reasoning"
ONE_SIDED = "there is no better answer to set beside it"
FEW = 20  # changed characters up to which a pair is a small one
MOST = 0.8  # share of the pairs from which on a leaning is said
KWARGS = "chat_template_kwargs"  # what TRL hands to the template, so that it asks as training did
_TOLD = 5  # pairs from which on a share says anything

Record = dict[str, Any]


@dataclass(frozen=True)
class PreferenceLayout:
    """One layout of preferences.

    Attributes:
        name: what `export` takes.
        paired: a record has both sides; else one, with a label.
        write: a preference as records, its answers as messages.
        source: who reads it.
    """

    name: str
    paired: bool
    write: Callable[[Preference, Callable[[AnswerSide], Record]], list[Record]]
    source: str


def dpo(preference: Preference, message: Callable[[AnswerSide], Record]) -> list[Record]:
    """A record with both sides."""
    chosen, rejected = preference.chosen, preference.rejected
    assert chosen is not None and rejected is not None, "what has one side is left out before"
    return [{"chosen": [message(chosen)], "rejected": [message(rejected)]}]


def kto(preference: Preference, message: Callable[[AnswerSide], Record]) -> list[Record]:
    """A record per side."""
    return [{"completion": [message(said)], "label": better} for said, better in preference.sides]


PREFERENCES: dict[str, PreferenceLayout] = {
    each.name: each
    for each in (
        PreferenceLayout("dpo", True, dpo, "TRL's DPOTrainer and its like: prompt, chosen, rejected"),
        PreferenceLayout("kto", False, kto, "TRL's KTOTrainer: prompt, completion, label"),
    )
}


@dataclass(frozen=True)
class PairReport:
    """What the records of a file of preferences are.

    Attributes:
        found: preferences that the rows had.
        kept: those of them that were written.
        dropped: reason → those that were not; with ``kept`` they are all that were found.
        records: lines of the file, by where they come from.
        labels: lines by label, where they have one.
        longer: share of the pairs whose better side has more characters; None without pairs.
        small: share of the pairs that differ in a few characters alone; None without pairs.
        student: whose prompts were held against the ids of training; "" where nobody's.

    Raises:
        AssertionError: a preference is missing from the account.
    """

    found: int
    kept: int
    dropped: Mapping[str, int]
    records: Mapping[str, int]
    labels: Mapping[bool, int]
    longer: float | None
    small: float | None
    student: str = ""

    def __post_init__(self) -> None:
        if self.kept + sum(self.dropped.values()) != self.found:
            raise AssertionError(f"{self.found} preferences, {self.kept} kept, left out: {self.dropped}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing before anything is trained on them."""
        said: list[str] = []
        if self.longer is not None and self.longer > MOST:
            said.append(
                f"The chosen side is longer in {self.longer:.0%} of the pairs: the student may learn to write more "
                "instead of better."
            )
        if self.longer is not None and self.longer < 1 - MOST:
            said.append(
                f"The chosen side is longer in only {self.longer:.0%} of the pairs: the student may learn to write "
                "less instead of better."
            )
        if self.small is not None and self.small > 0.5:
            said.append(
                f"{self.small:.0%} of the pairs differ in {FEW} characters or fewer: DPO then lowers the chosen side "
                'too. DPOConfig(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5]) holds it up.'
            )
        if len(self.labels) == 1:
            said.append(f"Every label is {next(iter(self.labels))}: KTO needs both.")
        if not self.student:
            said.append(
                "No student was named, so no prompt was checked: "
                'rb.export(df, "pairs.jsonl", layout="dpo", student="STUDENT")'
            )
        return tuple(said)

    def __repr__(self) -> str:
        return f"PairReport(kept={self.kept} of {self.found}, {dict(self.records)})"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {f"by {source}": count for source, count in self.records.items()}
        facts |= {f"label {label}": count for label, count in self.labels.items()}
        why = table(("why", "preferences"), self.dropped.items())
        return card(
            f"{self.kept} of {self.found} preferences",
            facts | ({"prompts as in training": self.student} if self.student else {}),
            notes=self.notes,
            body=details("preferences left out", why) if self.dropped else "",
        )


def pairs_of(
    preferences: Preferences, layout: PreferenceLayout, form: ChatFormat | None, rows: int
) -> tuple[list[Record], RowAccount, PairReport]:
    """The records of preferences, and what became of every row and of every preference.

    Args:
        preferences: of a frame.
        layout: of the records.
        form: how the student is written to; messages with ``reasoning_content``, unchecked, when None.
        rows: of the frame.
    """
    made: list[Record] = []
    kept: list[Preference] = []
    dropped: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    left_out = {why: list(at) for why, at in preferences.left_out.items()}
    lines: dict[int, list[Record]] = {}
    first_why: dict[int, str] = {}
    for each in preferences.found:
        try:
            why = _unusable(each, layout)
            written = [] if why else _written(each, layout, form)
        except _DropError as problem:
            why, written = str(problem), []
        if why:
            dropped[why] += 1
            first_why.setdefault(each.position, why)
            continue
        mine = lines.setdefault(each.position, [])
        fresh = [record for record in written if record not in mine]  # an edit that was accepted too
        mine += fresh
        made += fresh
        kept.append(each)
        sources[each.source] += len(fresh)
    if not any(
        record.get(KWARGS) for record in made
    ):  # in all records or in none: readers put None in its place
        for record in made:
            record.pop(KWARGS, None)
    for position, why in first_why.items():
        if position not in lines:
            left_out.setdefault(why, []).append(position)
    account = RowAccount(rows, len(lines), {why: len(at) for why, at in left_out.items()})
    pairs = [(e.chosen.text, e.rejected.text) for e in kept if e.chosen and e.rejected]
    told = len(pairs) >= _TOLD
    report = PairReport(
        found=len(preferences.found), kept=len(kept), dropped=dict(dropped), records=dict(sources),
        labels=dict(Counter(record["label"] for record in made if "label" in record)),
        longer=sum(len(a) > len(b) for a, b in pairs) / len(pairs) if told else None,
        small=sum(_changed(a, b) <= FEW for a, b in pairs) / len(pairs) if told else None,
        student=form.student if form is not None else "",
    )  # fmt: skip
    return made, account, report


def refused(account: RowAccount) -> FormatError:
    """The error for a frame of which nothing can be written."""
    why = f" Left out are {account.why_left_out}." if account.left_out else ""
    if LOSES in account.left_out or PROMPT in account.left_out:
        return FormatError(
            f"No preference can be written for this student.{why}",
            'rb.export(df, "pairs.jsonl", layout="dpo")   # for a template of yours that shows reasoning_content',
        )
    nothing = set(account.left_out) <= {NOTHING_SAID}
    return FormatError(
        f"No row of {account.rows} has a preference to export.{'' if nothing else why}",
        'df.reason.review().edit(0, {"Amount": "…"})   or   .repair(0, "…").wait().accept()   '
        "or   augment(…, samples=4, check=…)",
    )


class _DropError(Exception):
    """A preference cannot be written; the text says why."""


def _unusable(each: Preference, layout: PreferenceLayout) -> str:
    if layout.paired and (each.chosen is None or each.rejected is None):
        return ONE_SIDED
    if each.chosen is None or each.rejected is None:
        return ""
    if each.chosen == each.rejected:
        return EQUAL
    return BLANK if each.chosen.text.split() == each.rejected.text.split() else ""


def _written(each: Preference, layout: PreferenceLayout, form: ChatFormat | None) -> list[Record]:
    tools = {"tools": list(each.tools)} if each.tools else {}
    if form is None:
        return [{"prompt": list(each.prompt), **record, **tools} for record in layout.write(each, _plain)]
    thinks = any(said.thought for said, _ in each.sides)
    mode = form.probe.on if thinks else form.probe.off
    asked: list[Record] = [{**each.prompt[0], **tools}, *map(dict, each.prompt[1:])]
    prompt = form.probe.form.messages(asked, form.shown.system)
    bare = [{k: v for k, v in message.items() if k != "tools"} for message in prompt]

    def message(said: AnswerSide) -> Record:
        answer = form.probe.form.answer(said.answer.strip(), said.thought, tags=form.probe.tags)
        _check(form, asked, [*prompt, answer], said, thinks)
        return answer

    told = {KWARGS: dict(mode.kwargs), **tools}
    return [{"prompt": bare, **record, **told} for record in layout.write(each, message)]


def _check(
    form: ChatFormat, asked: list[Record], messages: list[Record], said: AnswerSide, thinks: bool
) -> None:
    """Holds one side as the student's template writes it against the prompt that training and inference see."""
    mode = form.probe.on if thinks else form.probe.off
    try:
        prompt = form.prompt_ids(asked, thinks=thinks)
        whole = form.template.render(messages, generation=False, kwargs=mode.kwargs)
    except FormatError as problem:
        raise _DropError(problem.problem) from problem
    except TemplateRenderError as problem:
        raise _DropError(f"the student's template refuses it: {problem}") from problem
    if form.encode([whole])[0].ids[: len(prompt)] != prompt:
        raise _DropError(PROMPT)
    if said.thought not in whole:
        raise _DropError(LOSES)


def _plain(said: AnswerSide) -> Record:
    own = {"reasoning_content": said.thought} if said.thought else {}
    return {"role": "assistant", "content": said.answer, **own}


def _changed(one: str, other: str) -> int:
    """Characters between the first and the last that differ, on the longer side."""
    shorter = min(len(one), len(other))
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    ends = zip(reversed(one), reversed(other), strict=False)
    end = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))
    return max(len(one), len(other)) - min(start + end, shorter)
