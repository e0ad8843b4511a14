"""Examples: the rows of a review that best show a teacher what is right, frozen, and put on trial."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, cast, overload

from ...data.conversation import json_ready, missing
from ...errors import ReviewError
from ...html_card import card, clip, marked_diff, table
from ...options import checked
from ...schema import Example, Schema
from ...schema.agreement import numbers_in
from ...schema.example import examples_print
from ...teachers import TeacherSpec
from ..edit_rules import type_of
from ..samples import ReviewedRows, Sample
from .lessons import Lesson, lessons_in

if TYPE_CHECKING:
    from .trial import ExamplesTrial

SchemaOf = Callable[[Sample], Schema | None]
TypedNames = Callable[[int], Collection[str]]


class ExampleSet(Sequence[Example]):
    """Rows that people found right, as ``augment(…, examples=…)`` takes them; later decisions do not change it.

    Attributes:
        lessons: the same with their rows, and what was edited in them.
        print: names the set; it stands with every call that was made with it.

    Example:
        >>> review = df.reason.review().edit(0, {"Amount": "104, less nothing"}).rate(1, 5)
        >>> examples = review.examples(2)
        >>> [lesson.row for lesson in examples.lessons], len(examples.print)
        ([0, 1], 16)
    """

    chosen_by_review = True

    def __init__(
        self, rows: ReviewedRows, most: int, *, schema_of: SchemaOf, teacher: TeacherSpec | None
    ) -> None:
        self.lessons = lessons_in(rows, most)
        self.print = examples_print(lesson.example for lesson in self.lessons)
        self.contradictions = _contradictions(
            self.lessons, lambda row: typed_names(rows.sample(row), schema_of(rows.sample(row)))
        )
        self._rows, self._schema_of, self._teacher, self._most = rows, schema_of, teacher, most

    @checked(ReviewError, 'review.examples(6).trial(teacher="openai:MODEL")')
    def trial(
        self,
        *,
        teacher: TeacherSpec | None = None,
        holdout: float = 0.5,
        seed: int = 0,
        budget: float | None = None,
        start: bool = True,
        **config: Any,
    ) -> ExamplesTrial:
        """Asks a teacher for edited rows that it is not shown, with the others as examples and without any.

        It says on how many of them the teacher then gives what the person wrote, and what asking all undecided rows
        would cost. Nothing of the frame is changed, and nothing is paid for twice.

        Args:
            teacher: as in ``augment``; the one that filled this frame when None.
            holdout: the share of the edited rows that is held out, between 0 and 1.
            seed: which of them.
            budget: the most that the trial may cost, in dollars.
            start: False only says what it would cost; ``.start()`` asks.
            **config: any other part of `reasonbook.augment.AugmentConfig`, such as ``method`` or ``price``.

        Raises:
            ReviewError: fewer than two rows were edited.

        Example:
            >>> review = df.reason.review()
            >>> for row in range(4):
            ...     review = review.edit(row, {"Per Item": "see the price list"})
            >>> trial = review.examples(2).trial(teacher=rb.examples.refund_rules).wait()
            >>> trial.held_out, trial.agree_with, trial.agree_without
            (2, 0, 0)
        """
        asked = teacher or self._teacher
        if asked is None:
            raise ReviewError("A trial needs a teacher.", 'review.examples(6).trial(teacher="openai:MODEL")')
        if not 0 < holdout < 1:
            raise ReviewError(f"holdout={holdout!r} is no share of the edits.", "holdout=0.5")
        from .trial import ExamplesTrial  # with the engine that asks

        trial = ExamplesTrial(
            self._rows,
            self._most,
            schema_of=self._schema_of,
            teacher=asked,
            holdout=holdout,
            seed=seed,
            config={**config, "budget": budget},
        )
        return trial.start() if start else trial

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return [lesson.example for lesson in self.lessons][index]

    def __len__(self) -> int:
        return len(self.lessons)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, tuple, ExampleSet)) and list(self) == list(
            cast("Sequence[object]", other)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        edited = sum(bool(lesson.was) for lesson in self.lessons)
        return f"ExampleSet({len(self)}, edited={edited}, print={self.print!r})"

    def _repr_html_(self) -> str:
        edited = sum(bool(lesson.was) for lesson in self.lessons)
        notes = [f"Contradiction: {words}." for words in self.contradictions]
        if edited < 2:
            notes.append(f"{edited} of them edited: a trial needs at least two edited rows, to hold one out.")
        lines = [
            (lesson.row, clip(lesson.example.request, 120), name, _was_is(lesson, name))
            for lesson in self.lessons
            for name in (lesson.now or {"": None})
        ]
        body = table(("row", "request", "field", "was → is"), lines)
        trial = "review.examples(6).trial(teacher=…)   ·   " if edited > 1 else ""
        return card(
            "Examples",
            {"rows": len(self), "edited": edited, "print": self.print},
            notes=notes,
            body=body,
            next_verb=f"{trial}df.reason.augment(schema, teacher=…, examples=review.examples(6))",
        )


def _contradictions(lessons: Sequence[Lesson], typed: TypedNames) -> list[str]:
    """Pairs of lessons with the same facts and another answer.

    The facts are the typed fields and the numbers in the request; without typed fields nobody can tell.
    """
    known: dict[object, Lesson] = {}
    found: list[str] = []
    for lesson in lessons:
        values = {name: lesson.example.reasoning.get(name) for name in typed(lesson.row)}
        if not values or missing(lesson.example.response):
            continue
        facts = repr((json_ready(values), numbers_in(lesson.example.request)))
        other = known.setdefault(facts, lesson)
        if other.example.response.split() != lesson.example.response.split():
            found.append(
                f"rows {other.row} and {lesson.row} have the same typed fields and numbers, and other answers: "
                f"{clip(other.example.response, 40)!r} and {clip(lesson.example.response, 40)!r}"
            )
    return found


def typed_names(sample: Sample, schema: Schema | None) -> tuple[str, ...]:
    """The fields of a row that are more than text: by its schema, else by what stands in them."""
    if schema is not None:
        return tuple(
            field.name for field in schema if field.type != "text" and field.name in sample.reasoning
        )
    return tuple(name for name, value in sample.reasoning.items() if type_of(value) != "text")


def _was_is(lesson: Lesson, name: str) -> object:
    """One edit as a cell of the card; of a row that was not edited, that it was found right."""
    if name not in lesson.now:
        return "found right"
    return marked_diff(lesson.was[name], lesson.now[name])
