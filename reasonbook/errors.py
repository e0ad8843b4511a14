"""Errors a person can act on: what happened and why, then what to type.

Every exception of the package. Those that are not defined here stand with their module::

    ReasonbookError        what a person meets: a problem, and what to type
      SchemaError          a reasoning schema, or a file of one
      LayoutError          which columns hold request, response and reasoning
      TeacherError         a teacher, or a provider that refuses the job as a whole
        NeedsKey           a provider's API key
      ReviewError          a decision on a row
        FieldError         review.edit_rules: values that the fields of a schema do not take
      FormatError          rows in the chat format of a student
      TrainingError        a training run
      StoreError           the store on disk
        StoreMendedError   store.store_file: it was damaged, and what could be read is in a new file
      MissingPackage       an optional package
      WalkthroughError     demo.notebooks: a cell of a bundled notebook

Those that never leave the package: what caught them says the text as the status of a row, a call or a file::

    Exception
      CallError            teachers.teacher: a call that gave no answer
      InsideError          teachers.hosted.answer_body: an error in the place of an answer
      TokenLimitError      teachers.constrained_decoding: a value longer than its share of tokens
      UnusableCellError    data.layout.messages: a cell that cannot be read
      UnusableRowError     chat.rendering.turns: a row that cannot be trained on
      ReservedMarkerError  chat.rendering.guard: a text that holds what only a chat template may write
      TemplateRenderError  chat.template.template: messages that a chat template refuses
      CarrierError         chat.template.carriers.pieces: a way to carry thinking that a template drops
      _LoopBrokenError     chat.closed_loop.play: a step at which a perfect student fails
      UnsupportedRowError  exports.rows: a row that a file's layout has no place for
      UnusableEventError   decisions.acts: an event of a review that cannot be applied
      BudgetUsedUpError    augment.questions: a question that no money is left for
      _DropError           exports.pairs: a preference that a file's layout has no place for
    ValueError
      InvalidAnswerError   augment.answers: an answer that does not fit the schema
      TurnCountError       data.turn_reasoning: reasoning for another number of turns
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ReasonbookError(Exception):
    """An error with its remedy.

    In a notebook it renders as two short parts instead of a long traceback; the original exception, where
    there is one, stays in ``__cause__``.

    Args:
        problem: what happened and why, one or two sentences.
        fix: what to type next, code where possible.

    Example:
        >>> try:
        ...     rb.Schema.preset("custom_support")
        ... except rb.ReasonbookError as error:
        ...     print(error.fix)
        valid: 'customer_support', ... Did you mean "customer_support"?
    """

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  → {self.fix}" if self.fix else self.problem

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class SchemaError(ReasonbookError):
    """A reasoning schema, or a file of one, is not valid."""


class LayoutError(ReasonbookError):
    """A frame does not show where requests, responses or reasoning stand."""


class TeacherError(ReasonbookError):
    """A teacher cannot be used, or its provider refused the job as a whole."""


class NeedsKey(TeacherError):
    """No API key was found for a provider."""


class ReviewError(ReasonbookError):
    """A review decision cannot be taken as asked."""


class FormatError(ReasonbookError):
    """Rows cannot be rendered for a student without losing something."""


class TrainingError(ReasonbookError):
    """A training run cannot start or go on."""


class StoreError(ReasonbookError):
    """The store on disk cannot be read or written."""


class MissingPackage(ReasonbookError):
    """An optional package is not installed."""

    def __init__(self, package: str, *, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package `{package}`, which is not installed.",
            f'pip install "reasonbook[{extra}]"   (then restart the kernel)',
        )
        self.package = package


def choices(word: str, options: Iterable[str]) -> str:
    """Names the valid options, and the nearest one to a misspelt word."""
    names = [str(o) for o in options]
    near = difflib.get_close_matches(str(word), names, n=1) or [n for n in names if _initials(n) == word]
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f"valid: {', '.join(repr(n) for n in names)}.{hint}"


def _initials(name: str) -> str:
    return "".join(part[:1] for part in name.split("_"))
