"""Preflight: what was kept, what was dropped and why, and whether training may start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..data.row_account import ERROR, PLAIN, UNFILLED, RowAccount
from ..errors import FormatError
from ..html_card import card, clip, details, html_of, table
from .loop_report import ClosedLoop

PLACES = 5  # how many row positions are named for a reason
TOO_LONG = "longer than max_length"
UNTRAINED = "no token of it carries loss"
LOST = "its reasoning carries no loss"
NO_STOP = "its stop token carries no loss"
INSEPARABLE = "the tokenizer cannot write its prompt and what follows one after the other"


Remark = tuple[str, str]  # what was found, and the line to type


@dataclass
class DropCounts:
    """Counts reasons and remembers the first places of each."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    places: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def add(self, reason: str, position: int) -> None:
        """One more row, by its position in the frame."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        places = self.places.setdefault(reason, [])
        if len(places) < PLACES and position not in places:
            places.append(position)


@dataclass(frozen=True)
class Preflight(RowAccount):
    """The report of a build; nothing is trained while it holds a problem.

    Rows of the splits ``validation`` and ``test`` are kept like those that train; ``examples`` tells them apart.

    Attributes:
        rows: rows of the frame, or that came in.
        rows_kept: rows of which at least one training row remains.
        left_out: reason → rows of which none remains; with ``rows_kept`` they are all rows.
        examples: training rows by split.
        dropped: reason → count of training rows (or whole rows) left out of those that were rendered.
        places: reason → positions of the first rows that were left out, whole or in part.
        reasoning: training rows with reasoning.
        reasoning_learnt: those of them whose reasoning carries loss.
        reasoning_weightless: those of them whose reasoning carries none because it has weight 0.
        plain: training rows without.
        plain_rows: rows kept that have no reasoning in any of theirs.
        stops_learnt: training rows whose stop token carries loss.
        lengths: tokens per training row, kept and too long.
        longest: tokens of the longest row that came in.
        cut_before_answer: share of rows that a cut at ``max_length`` would have ended before the answer.
        duplicates: requests of validation or test rows that training rows have too, by split.
        twins: rows of validation or test whose case training rows have too, by split: the same facts, be it in other
            words; empty where no field of the reasoning states facts.
        verified: rows that were held against the template's own rendering.
        apart: rows whose prompt and continuation were encoded one by one: the tokenizer writes the end of the prompt
            in another way when something follows, and at inference nothing does.
        rebuilt: verified rows that the template renders in another way than its own prompt begins; they
            were put together behind the prompt.
        tools_unseen: rows that offer tools, which the template does not show.
        warnings: ``(what, line to type)``.
        loop: what the closed loop found; None before it ran.
        problems: ``(what, line to type)``; with any of these, training does not start.

    Example:
        >>> chat.report.ok, chat.report.longest
        (True, 154)
    """

    examples: Mapping[str, int]
    dropped: Mapping[str, int]
    places: Mapping[str, list[int]]
    reasoning: int
    reasoning_learnt: int
    plain: int
    stops_learnt: int
    max_length: int
    longest: int
    cut_before_answer: float
    histogram: tuple[tuple[int, ...], tuple[int, ...]]
    duplicates: Mapping[str, int]
    verified: int
    plain_rows: int = 0
    reasoning_weightless: int = 0
    apart: int = 0
    rebuilt: int = 0
    tools_unseen: int = 0
    warnings: tuple[Remark, ...] = ()
    problems: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    loop: ClosedLoop | None = None
    twins: Mapping[str, int] = field(default_factory=dict[str, int])

    def proven(self, loop: ClosedLoop) -> Preflight:
        """The same with what the closed loop found; where it breaks, training does not start."""
        broken = tuple((f"A perfect student would fail: {found}.", found.fix) for found in loop.problems)
        return replace(self, loop=loop, problems=(*self.problems, *broken))

    def with_twins(self, twins: Mapping[str, int]) -> Preflight:
        """The same with how many held-out rows have a twin case in train, by split."""
        found = tuple(
            (
                f"{count} of {self.examples.get(name, 0)} {name} rows have a twin case in train: the same facts.",
                'df = df.drop(columns="split"); df.reason.split(by="case")',
            )
            for name, count in twins.items()
            if count
        )
        return replace(self, twins=dict(twins), warnings=(*self.warnings, *found))

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not self.problems

    def check(self) -> None:
        """Raises `FormatError` with the first problem and its remedy."""
        if self.problems:
            raise FormatError(*self.problems[0])

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes and warnings as sentences, each warning with its line to type."""
        return (*self.notes, *(f"{what} → {line}" for what, line in self.warnings))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        plain = asdict(self)
        del plain["notes"]
        return plain | {
            "warnings": [list(pair) for pair in self.warnings],
            "problems": [list(pair) for pair in self.problems],
            "histogram": [list(part) for part in self.histogram],
        }

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"{len(self.problems)} problem(s)"
        examples = sum(self.examples.values())
        return f"Preflight({state}, rows={self.rows}, kept={self.rows_kept}, examples={examples})"

    def _repr_html_(self) -> str:
        parts = {reason: n for reason, n in self.dropped.items() if n != self.left_out.get(reason)}
        left_out, in_part = (
            [
                (reason, count, ", ".join(map(str, self.places.get(reason, ()))))
                for reason, count in sorted(counts.items(), key=lambda item: -item[1])
            ]
            for counts in (self.left_out, parts)
        )
        counts, edges = self.histogram
        most = max(counts, default=0)
        bars = [
            (f"{edges[i]}–{edges[i + 1]}", c, "█" * round(20 * c / most))
            for i, c in enumerate(counts)
            if most
        ]
        remedies = table(("", "what", "type"), [
            *(("stop", *pair) for pair in self.problems), *(("note", *pair) for pair in self.warnings)
        ]) if self.problems or self.warnings else ""  # fmt: skip
        body = remedies
        body += html_of(self.loop) if self.loop is not None else ""
        body += details("rows left out", table(("why", "rows", "first at"), left_out)) if left_out else ""
        told = table(("why", "training rows", "first at"), in_part)
        body += details("training rows left out, also of rows that are kept", told) if in_part else ""
        body += details("tokens per row", table(("tokens", "rows", ""), bars)) if bars else ""
        return card(
            "Preflight: ready to train" if self.ok else "Preflight: not ready to train",
            {
                "rows kept": self.kept_of,
                **({"left out": clip(self.why_left_out)} if self.left_out else {}),
                **{f"{split} rows": count for split, count in self.examples.items()},
                "with reasoning": f"{self.reasoning_learnt} of {self.reasoning} learnt"
                if self.reasoning
                else 0,
                "plain": self.plain,
                "longest": f"{self.longest} of {self.max_length} tokens",
            },
            notes=self.notes,
            body=body,
            next_verb="run = rb.train(chat)" if self.ok else clip(self.problems[0][1], 80),
        )


def histogram(lengths: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Counts and bin edges of row lengths, in at most 12 bins."""
    if not lengths.size:
        return (), ()
    counts, edges = np.histogram(lengths, bins=min(12, max(1, int(lengths.max() - lengths.min()))))
    return tuple(int(c) for c in counts), tuple(round(float(e)) for e in edges)


def findings(
    report: Preflight,
    *,
    masked: bool,
    wants_reasoning: bool,
    stops_masked: bool,
    own_template: bool,
    plain: str | None,
    missing: str | None,
) -> tuple[list[Remark], list[Remark]]:
    """Problems and warnings of a build, each with the line to type.

    Args:
        report: what was counted.
        masked: reasoning is meant to carry no loss.
        wants_reasoning: the strategy teaches reasoning.
        stops_masked: stop tokens are meant to carry no loss.
        own_template: the student has a chat template.
        plain: what the caller said of rows that nobody asked reasoning for.
        missing: what the caller said of rows that were to get reasoning and have none.
    """
    problems: list[Remark] = []
    warnings: list[Remark] = []
    dropped = report.dropped
    kept = sum(report.examples.values())
    lost = dropped.get(LOST, 0) + report.reasoning - report.reasoning_learnt - report.reasoning_weightless
    if lost and not masked:
        problems.append((
            f"{lost} of {report.reasoning + dropped.get(LOST, 0)} rows with reasoning would lose it: "
            f"no token of it carries loss{_at(report, LOST)}.",
            "chat.preview(0)   or   ChatConfig(mask_reasoning=True) if that is meant",
        ))  # fmt: skip
    missed = kept - report.stops_learnt
    if (missed or dropped.get(NO_STOP)) and not stops_masked:
        problems.append((
            f"{missed + dropped.get(NO_STOP, 0)} rows do not learn to stop: no stop token carries loss"
            f"{_at(report, NO_STOP)}.",
            'tokenizer.eos_token = "…"   # the token at which generation stops',
        ))  # fmt: skip
    unfilled = {reason: n for reason in UNFILLED if (n := report.left_out.get(reason))}
    if unfilled and missing in (None, "error"):
        told = ", ".join(f"{reason} {count}" for reason, count in unfilled.items())
        found = (
            f"{sum(unfilled.values())} of {report.rows} rows were to get reasoning and have none ({told})"
            f"{_at(report, *unfilled)}.",
            "df.reason.augment(schema, teacher=teacher) goes on where it ended   or   "
            'df.reason.to_chat(student, missing="drop") leaves them out',
        )
        blocks = wants_reasoning and (
            missing == "error" or set(unfilled) != {ERROR}
        )  # an error is known already
        (problems if blocks else warnings).append(found)
    if report.left_out.get(PLAIN) and plain is None:
        warnings.append((
            f"{report.left_out[PLAIN]} of {report.rows} rows were never asked for reasoning and are left out, since "
            "others have theirs.",
            'df.reason.to_chat(student, plain="keep") trains them plain   or   plain="drop" says that it is meant',
        ))  # fmt: skip
    if wants_reasoning and report.reasoning and report.plain_rows and plain is None and missing != "keep":
        warnings.append((
            f"{report.plain_rows} of {report.rows_kept} rows have no reasoning and are trained as plain rows.",
            'df.reason.to_chat(student, plain="drop") leaves them out   or   plain="keep" says that it is meant',
        ))  # fmt: skip
    if not own_template:
        warnings.append((
            "The student has no chat template: it learns, and is asked in, a plain form "
            "(### Request: … ### Response: …), which is saved with it.",
            'df.reason.to_chat(student, chat_template="…")   # for another form: a Jinja template',
        ))  # fmt: skip
    if not report.examples.get("train"):
        most = max(report.left_out, key=lambda reason: report.left_out[reason], default="")
        why = f" Most were left out because: {most}." if most else ""
        problems.append((
            f"No row is left to train on ({report.rows} came in).{why}",
            _remedy(most, report.longest),
        ))  # fmt: skip
    if dropped.get(TOO_LONG):
        warnings.append((
            f"{dropped[TOO_LONG]} rows are longer than {report.max_length} tokens and were dropped; "
            f"a cut would have ended {report.cut_before_answer:.0%} of all rows before the answer.",
            f"ChatConfig(max_length={_rounded(report.longest)})",
        ))  # fmt: skip
    reserved = sum(count for reason, count in dropped.items() if "reserved marker" in reason)
    if reserved:
        warnings.append((
            f"{reserved} rows hold reserved markers of the student and were refused"
            f"{_at(report, *(reason for reason in dropped if 'reserved marker' in reason))}.",
            'ChatConfig(markers="escape")',
        ))  # fmt: skip
    for split, count in report.duplicates.items():
        if count:
            warnings.append((
                f"{count} {split} rows have the same request as a training row.",
                "df.drop_duplicates(…)   # or split again by group",
            ))  # fmt: skip
    if report.rebuilt:
        warnings.append((
            f"{report.rebuilt} rows are rendered by the template in another way than its own prompt "
            "begins; they were put together behind the prompt that inference sees.",
            "chat.preview(0)   # or ChatConfig(chat_template=…)",
        ))  # fmt: skip
    if report.tools_unseen:
        warnings.append((
            f"{report.tools_unseen} rows offer tools, and the student's chat template does not show them.",
            'df.reason.to_chat(student, chat_template="…")   # one that uses `tools`',
        ))  # fmt: skip
    if wants_reasoning and kept and not report.reasoning:
        problems.append((
            "No row has reasoning, so the student would learn to answer without thinking.",
            'df.reason.augment(schema, teacher=teacher)   or   df.reason.to_chat(student, strategy="final_only")',
        ))  # fmt: skip
    return problems, warnings


def _at(report: Preflight, *reasons: str) -> str:
    """Where rows were first left out for these reasons."""
    places = sorted({place for reason in reasons for place in report.places.get(reason, ())})
    return f" (first at row {', '.join(map(str, places[:PLACES]))})" if places else ""


def _remedy(most: str, longest: int) -> str:
    """What brings rows back that were left out for this reason."""
    if most == TOO_LONG:
        return f"ChatConfig(max_length={_rounded(longest)})"
    if most == UNTRAINED:
        return "ChatConfig(mask_reasoning=False, mask_answer=False, weights={})   # something must carry loss"
    return 'df["split"].value_counts()   # rows need split "train", status "ok" and no rejection'


def _rounded(length: int) -> int:
    return max(64, -(-length // 64) * 64)
