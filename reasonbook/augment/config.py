"""Config: everything about an augmentation that is not worth a parameter of the verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from ..data.turn_reasoning import Turns
from ..decisions import GOOD, Decision
from ..errors import ReasonbookError, choices
from ..options import checked
from ..safe_text import half_character
from ..schema.example import chosen_by_review, examples_of, examples_print
from ..teachers.pricing.price import Price
from .methods import METHODS

MethodName = Literal["extract", "rationalize", "native", "chain_of_thought", "answer"]
Mode = Literal["live", "batch"]
MODES = ("live", "batch")
_HINT = "df.reason.augment(schema, teacher=…, concurrency=64, budget=5.0)"


@checked(ReasonbookError, "AugmentConfig(concurrency=64, budget=5.0)")
@dataclass(frozen=True)
class AugmentConfig:
    """How an augmentation asks.

    Attributes:
        method: ``extract`` (the teacher sees the request only), ``rationalize`` (the response too),
            ``native`` (the teacher's own thinking is kept) or ``chain_of_thought``; ``answer`` is what an audit asks.
        turns: ``all`` assistant turns of a conversation that train, each asked with what stands before it, or the
            ``last``. A turn that brings reasoning of its own is asked like any other; its own stays in the data.
        instructions: guidance for the teacher: what the data are, who the model is for, what to watch; for
            ``chain_of_thought`` how it shall think.
        language: in which the teacher writes, such as ``"German"``; None follows each request. Options stay as they
            are.
        examples: records with their right reasoning, shown before the first row: `Example` objects, dicts with
            ``request``, ``reasoning`` and perhaps ``response``, or a review, whose best rows are taken.
        propose: whether what comes for a row that has reasoning is a proposal, which ``df.reason.review().proposals``
            shows beside what stands, instead of taking its place. Rows that were accepted, rejected or rated 4 or
            better are then not asked; rows without reasoning are filled as ever. None is True where the examples are a
            review's, else False.
        concurrency: calls in flight at most.
        limit: only the first so many rows, for a preview.
        budget: dollars that this one run may spend, never passed by more than the calls in flight; the same line
            again may spend as much again. ``rb.store.cap(…)`` bounds all runs together.
        timeout: seconds after which one call is cut; earlier where a provider's answers have long been quicker.
        row_timeout: seconds that one row may take in all, with its retries and the waits between them; three times
            ``timeout`` when None. Outages of the provider and waits for its rate limit do not count.
        max_outage: seconds that an outage of the provider is waited out before the job ends in part.
        max_retries: how often one call is repeated after a failure of the network or the provider.
        reasks: how often a teacher is shown what was wrong with its answer.
        samples: answers per turn; the best one is kept.
        check: ``check(values, row) -> bool | float``, the judge of samples; see `Candidate` for the row. With
            it, sampling ends at the first answer that passes; without it, answers vote.
        mode: ``live``, or ``batch``: the provider's batch API at half price, within a day.
        pack: short rows per call; 1 asks one by one.
        rpm: requests a minute that the account allows, where it is known.
        tpm: tokens a minute that the account allows, where it is known.
        max_tokens: bound of one answer, thinking included; without it the longest that the schema allows, and room to
            think where the model may.
        temperature: None leaves the provider's default.
        reasoning_effort: how hard the teacher thinks, in its provider's word.
        price: dollars per million tokens as (input, output) or a `Price`, where the table does not know the model.

    Example:
        >>> from reasonbook.augment import AugmentConfig
        >>> AugmentConfig(method="rationalize", concurrency=8).samples
        1
    """

    method: MethodName = "extract"
    turns: Turns = "all"
    instructions: str = ""
    language: str | None = None
    examples: Any = ()
    propose: bool | None = None
    concurrency: int = 64
    limit: int | None = None
    budget: float | None = None
    timeout: float = 180.0
    row_timeout: float | None = None
    max_outage: float = 1800.0
    max_retries: int = 8
    reasks: int = 1
    samples: int = 1
    check: Callable[..., Any] | None = None
    mode: Mode = "live"
    pack: int = 1
    rpm: float | None = None
    tpm: float | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    price: Price | tuple[float, float] | None = None

    @property
    def longest_row(self) -> float:
        """Seconds that one row may take in all."""
        return 3 * self.timeout if self.row_timeout is None else self.row_timeout

    def leaves(self, decided: Decision) -> bool:
        """Whether a row is not asked, since a person has judged it, and all that would come is a proposal."""
        return bool(self.propose) and (decided.verdict is not None or (decided.rating or 0) >= GOOD)

    def told(self) -> dict[str, Any]:
        """What differs from the defaults, JSON-ready, for the store; of a check it says that there is one."""
        changed = {
            part.name: getattr(self, part.name)
            for part in fields(self)
            if part.name not in ("check", "price") and getattr(self, part.name) != part.default
        }
        if self.examples:
            changed["examples"] = [example.to_dict() for example in self.examples]
            changed["examples_print"] = examples_print(self.examples)
        return changed | ({"check": True} if self.check is not None else {})

    def __post_init__(self) -> None:
        if self.propose is None and chosen_by_review(self.examples):
            object.__setattr__(self, "propose", True)
        object.__setattr__(self, "examples", examples_of(self.examples))
        if self.language is not None and not self.language.strip():
            raise ReasonbookError("language names a language, or is None.", 'language="German"')
        if self.examples and not METHODS[self.method].fields:
            raise ReasonbookError(
                f"{self.method} has no fields, so that no example fits.", 'method="extract"'
            )
        if self.method not in METHODS:
            raise ReasonbookError(f"There is no method {self.method!r}.", choices(self.method, METHODS))
        if self.mode not in MODES:
            raise ReasonbookError(f"There is no mode {self.mode!r}.", choices(self.mode, MODES))
        for name in ("concurrency", "samples", "pack"):
            if getattr(self, name) < 1:
                raise ReasonbookError(f"{name} must be at least 1, not {getattr(self, name)!r}.", _HINT)
        for name in ("limit", "budget", "rpm", "tpm", "timeout", "row_timeout", "max_outage", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ReasonbookError(f"{name} must be more than 0, not {value!r}.", _HINT)
        half = half_character(self.instructions)
        if half:
            raise ReasonbookError(
                f"The instructions hold half a character ({half}), which no provider takes.", _HINT
            )
        if self.samples > 1 and self.mode == "batch":
            raise ReasonbookError(
                "Several samples per row need mode='live'.",
                'df.reason.augment(schema, teacher=…, mode="live")',
            )
        if self.pack > 1 and (not METHODS[self.method].fields or self.samples > 1 or self.mode == "batch"):
            raise ReasonbookError(
                "Packing works for fields (extract, rationalize), one sample per row, in live mode.",
                "df.reason.augment(schema, teacher=…, pack=1)",
            )
