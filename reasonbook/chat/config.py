"""Config: what a person can choose about the way rows become tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

from ..data.conversation import loss_weight
from ..data.training_rows import Plain
from ..data.turn_reasoning import Turns
from ..errors import FormatError, choices
from ..options import checked

Strategy = Literal["final_and_reasoning", "final_only", "two_message_cot"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
Style = Literal["lines", "json", "prose"]
Missing = Literal["keep", "drop", "error"]
Markers = Literal["refuse", "escape"]
Roles = tuple[str, ...] | str
ROLES = ("system", "developer", "user", "assistant", "tool")
WEIGHTED_PARTS = ("reasoning", "answer", "stop", "tags", "empty thinking", "context")

THINKING_INSTRUCTIONS = "Think step by step, explaining your reasoning."


@checked(FormatError, 'ChatConfig(max_length=2048, style="lines")')
@dataclass(frozen=True)
class ChatConfig:
    """How rows are rendered, what carries loss, and what happens to rows that do not fit.

    Attributes:
        max_length: most tokens of a row; longer ones are dropped and counted, never cut.
        style: how fields become text: labelled ``lines``, ``json``, or ``prose`` by your own sentence.
        prose: the sentence for ``prose``, with field names in braces: ``"They want {Intent}."``.
        tags: opening and closing tag of the thinking, for students that have none of their own.
        mask_reasoning: the reasoning is read, not learnt.
        mask_answer: the answer and its stop token are read, not learnt.
        weights: how much the loss of a part counts beside the others, 1 where nothing is said, 0 as if it were masked:
            ``{"reasoning": 0.5, "answer": 2.0, "Policy": 3.0}``. Parts are ``reasoning``, ``answer``, ``stop``,
            ``tags`` (around the thinking), ``empty thinking`` and ``context`` (texts of ``roles`` besides the
            assistant); every other key is a field, which wins over ``reasoning``, and ``reasoning:answer`` is the field
            of that name. A turn counts by the ``weight`` of its message; the two are multiplied.
        train_empty_thinking: an empty thinking block that the student must write itself carries loss;
            None: only under ``final_only``.
        turns: train on ``all`` assistant turns, each as a row of its own, or on the ``last``.
        roles: whose messages carry loss: ``("assistant",)``, more roles, or ``"all_but_system"``.
        plain: rows that nobody asked reasoning for, beside rows that have it: ``keep`` or ``drop``. Unsaid, an
            augmented frame leaves them out, data that came with reasoning keeps them, and the report warns.
        missing: rows that were to get reasoning and have none (pending, failed, empty): ``error`` refuses the
            set, ``drop`` leaves them out, ``keep`` trains them as plain rows. Unsaid, a set of reasoning is refused
            for rows that are pending or empty; those that failed are left out with a warning.
        markers: reserved markers in your texts: ``refuse`` the row, or ``escape`` the marker.
        system: a system prompt for rows that have none, in training and at inference.
        thinking_instructions: what asks for the thinking under ``two_message_cot``.
        chat_template: a Jinja chat template instead of the student's own.
        date: ISO date that templates which print today's date are given, so that rows are reproducible.

    Example:
        >>> from reasonbook.chat import ChatConfig
        >>> ChatConfig(style="json", mask_reasoning=True).max_length
        2048
        >>> ChatConfig(weights={"answer": 2, "Policy": 0.5}).weights
        {'answer': 2.0, 'Policy': 0.5}
    """

    max_length: int = 2048
    style: Style = "lines"
    prose: str = ""
    tags: tuple[str, str] | None = None
    mask_reasoning: bool = False
    mask_answer: bool = False
    weights: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    train_empty_thinking: bool | None = None
    turns: Turns = "all"
    roles: Roles = ("assistant",)
    plain: Plain | None = None
    missing: Missing | None = None
    markers: Markers = "refuse"
    system: str = ""
    thinking_instructions: str = field(default=THINKING_INSTRUCTIONS)
    chat_template: str | None = None
    date: str | None = None

    def __post_init__(self) -> None:
        for name, options in (("style", Style), ("missing", Missing), ("markers", Markers), ("turns", Turns),
                              ("plain", Plain)):  # fmt: skip
            value = getattr(self, name)
            if value not in get_args(options) and value != getattr(type(self), name):
                raise FormatError(f"{name}={value!r} is not known.", choices(value, get_args(options)))
        if isinstance(self.roles, str) and self.roles != "all_but_system":
            object.__setattr__(self, "roles", (self.roles,))
        elif not isinstance(self.roles, str):
            object.__setattr__(self, "roles", tuple(self.roles))
        for role in self.roles if isinstance(self.roles, tuple) else ():
            if role not in ROLES:
                raise FormatError(
                    f"roles={self.roles!r}: no message has the role {role!r}.", choices(role, ROLES)
                )
        if self.tags is not None:
            tags = tuple(cast("Iterable[object]", self.tags))  # what a person gave
            if len(tags) != 2 or not all(isinstance(tag, str) and tag.strip() for tag in tags):
                raise FormatError(
                    f"tags={self.tags!r} are not an opening and a closing tag.",
                    'ChatConfig(tags=("<reasoning>", "</reasoning>"))',
                )
            object.__setattr__(self, "tags", tags)
        object.__setattr__(self, "weights", dict(self._weighed()))
        if not (self._learns_reasoning or self._learns_answer):
            raise FormatError(
                "With reasoning and answer both masked, or of weight 0, nothing is left to learn.",
                "ChatConfig(mask_reasoning=True)   or   ChatConfig(mask_answer=True)",
            )
        if self.style == "prose" and "{" not in self.prose:
            raise FormatError(
                "style='prose' needs your sentence with field names in braces.",
                'ChatConfig(style="prose", prose="They want {Customer Intent}.")',
            )
        if self.max_length < 8:
            raise FormatError(
                f"max_length={self.max_length} is too short for any row.", "ChatConfig(max_length=2048)"
            )

    def _weighed(self) -> Iterator[tuple[str, float]]:
        for name, value in cast("Mapping[object, object]", self.weights).items():
            try:
                yield str(name), loss_weight(value)
            except ValueError as why:
                raise FormatError(
                    f"weights={{{name!r}: {value!r}}}: the weight of {name!r} is {why}.",
                    f"ChatConfig(weights={{{name!r}: 2.0}})",
                ) from None

    @property
    def _learns_reasoning(self) -> bool:
        fields = (weight for name, weight in self.weights.items() if name not in WEIGHTED_PARTS)
        return not self.mask_reasoning and (self.weights.get("reasoning") != 0 or any(fields))

    @property
    def _learns_answer(self) -> bool:
        return not self.mask_answer and self.weights.get("answer") != 0

    def replace(self, **changes: Any) -> ChatConfig:
        """The same choices but for these.

        Raises:
            FormatError: there is no such choice.
        """
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the run card."""
        return asdict(self) | {
            "tags": None if self.tags is None else list(self.tags),
            "roles": self.roles if isinstance(self.roles, str) else list(self.roles),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ChatConfig:
        """What `to_dict` gave; unknown names of a newer version are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})


def check_strategy(strategy: str) -> str:
    """The strategy itself, or an error that names the valid ones."""
    if strategy not in STRATEGIES:
        raise FormatError(f"strategy={strategy!r} is not known.", choices(strategy, STRATEGIES))
    return strategy


def rendering_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those options that are parts of `ChatConfig`, and the others."""
    parts = {part.name for part in fields(ChatConfig)}
    rendering = {name: value for name, value in options.items() if name in parts}
    return rendering, {name: value for name, value in options.items() if name not in parts}
