"""Config of an audit: what is asked about which rows, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...augment import AugmentConfig
from ...augment.config import Mode
from ...errors import TeacherError, choices
from ...options import checked
from ...teachers.pricing.price import Price
from .questions import CONDITIONS


@checked(TeacherError, 'df.reason.quality().audit(checker="openai:MODEL", rows=200)')
@dataclass(frozen=True)
class AuditConfig:
    """What an audit asks, and how.

    Attributes:
        ask: the conditions: ``without`` the reasoning, ``with`` it, ``only`` it. A verdict needs the first two.
        fields: also after each field of the reasoning: n fields cost n - 1 more calls a row.
        first: ``spread`` over the frame, or the rows that a check has ``flagged`` before the others.
        seed: of the sample.
        budget: dollars that this run may spend.
        mode: ``live``, or ``batch`` at half the price.
        concurrency: calls in flight at most.
        timeout: seconds after which a call is cut.
        max_tokens: bound of one answer.
        temperature: None leaves the provider's default.
        reasoning_effort: how hard the checker thinks, in its provider's word.
        price: as in `AugmentConfig`.

    Example:
        >>> from reasonbook.quality import AuditConfig
        >>> AuditConfig(fields=True).ask
        ('without', 'with', 'only')
    """

    ask: tuple[str, ...] = CONDITIONS
    fields: bool = False
    first: Literal["spread", "flagged"] = "spread"
    seed: int = 0
    budget: float | None = None
    mode: Mode = "live"
    concurrency: int = 64
    timeout: float = 180.0
    max_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    price: Price | tuple[float, float] | None = None

    def __post_init__(self) -> None:
        unknown = [word for word in self.ask if word not in CONDITIONS]
        if unknown:
            raise TeacherError(f"There is no condition {unknown[0]!r}.", choices(unknown[0], CONDITIONS))
        if not {"without", "with"} <= set(self.ask):
            raise TeacherError(
                "A verdict compares the answer without the reasoning to the one with it.",
                'ask=("without", "with")',
            )

    def augmentation(self, form: str) -> AugmentConfig:
        """How the augmentation asks that fetches the answers; ``form`` says how they look."""
        return AugmentConfig(
            method="answer",
            instructions=form,
            budget=self.budget,
            mode=self.mode,
            concurrency=self.concurrency,
            timeout=self.timeout,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            reasoning_effort=self.reasoning_effort,
            price=self.price,
        )
