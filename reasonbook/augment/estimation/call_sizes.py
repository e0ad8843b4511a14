"""Call sizes: tokens that the calls of an augmentation will read and write, by a sample of its rows."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

from ...data.frame import Frame
from ...decisions import Decisions
from ...schema import Schema
from ...store import Store
from ...teachers import CountsTokens, Request, Teacher, TeacherSpec
from ...teachers.pricing.thinking import profile_of
from ...teachers.pricing.tokens import TokenCount, count, foreign
from ..augmentation import Augmentation
from ..config import AugmentConfig
from ..methods import METHODS
from ..prompts import Prompts
from ..work import AnswerKeys, FrameSnapshot, Work, WorkPlan, plan_work
from .answer_length import ANSWER, TRACE, Range, answer_tokens
from .calls_before import CallsBefore

_SAMPLE = 200  # rows whose length is looked at
# Share of the JSON Schema's tokens that is counted, as each provider spells it its own way.
_SCHEMA = (0.5, 0.9, 1.05)
_MESSAGE = (4, 12)  # tokens of a request beside its texts


@dataclass(frozen=True)
class ReadTokens:
    """Tokens that a call reads.

    Attributes:
        each: all of them.
        fixed: those that all calls have in common, at their beginning.
        foreign: tokens that the rows' language takes for one in English.
    """

    each: Range
    fixed: float
    foreign: float


class CallSizes:
    """How long the calls of one augmentation are."""

    def __init__(
        self, frame: Frame, schema: Schema, teacher: Teacher, config: AugmentConfig, store: Store
    ) -> None:
        self.frame, self.schema, self.teacher, self.config, self.store = frame, schema, teacher, config, store
        self.snapshot = FrameSnapshot(frame.df, frame.layout)
        self.keys = AnswerKeys(schema, teacher.name, config)
        self.prompts = Prompts(schema, config)
        self._counted: dict[str, TokenCount] = {}
        self._exact = teacher if isinstance(teacher, CountsTokens) else None

    def plan(self, config: AugmentConfig, *, decided_too: bool = False) -> WorkPlan:
        """What has to be asked now."""
        if decided_too:
            return plan_work(self.snapshot, self.keys, config, self.store)
        decision = Decisions(self.store).reader(self.snapshot.names)
        return plan_work(self.snapshot, self.keys, config, self.store, decision=decision)

    def pilot(self, teacher: TeacherSpec, rows: int) -> float | None:
        """Asks so many rows for real; tokens that they read for one that was counted here, None when none was asked."""
        config = replace(self.config, limit=rows)
        counted = self.read(self.plan(config).open, None).each[1]
        job = Augmentation(self.frame, self.schema, teacher, config, store=self.store).start().wait()
        usage = job.usage
        return usage.input / usage.calls / counted if usage.calls and usage.input and counted else None

    def read(self, works: Sequence[Work], ratio: float | None) -> ReadTokens:
        """What a call reads, by a sample of the rows; a measured ratio takes the place of most of the doubt."""
        looked = random.Random(0).sample(works, min(_SAMPLE, len(works)))
        if not looked:
            return ReadTokens((0, 0, 0), 0, 1)
        pack = self.config.pack
        requests = [self._request(looked[i : i + pack]) for i in range(0, len(looked), pack)]
        sizes = [self._size(request) for request in requests]
        low, likely, high = (fmean(part) for part in zip(*(size for size, _ in sizes), strict=True))
        if ratio is not None:
            low, likely, high = 0.95 * ratio * likely, ratio * likely, 1.07 * ratio * likely
        if len(works) > len(looked):  # rows that were not looked at may be longer or shorter
            doubt = 2 * (ratio or 1.0) * pstdev(size[1] for size, _ in sizes) / math.sqrt(len(sizes))
            low, high = max(0.0, low - doubt), high + doubt
        fixed = fmean(fixed for _, fixed in sizes)
        texts = [request.user for request in requests]
        return ReadTokens((low, likely, high), fixed, foreign(texts, self.teacher.name))

    def _request(self, works: Sequence[Work]) -> Request:
        """What is asked for a row, or for several that are packed."""
        rows = [self.snapshot.turn(work.places[0]) for work in works]
        if len(rows) > 1:
            return self.prompts.packed(rows, self.keys.names, works[0].shown)
        return self.prompts.request(rows[0], self.keys.names, works[0].shown)

    def _size(self, request: Request) -> tuple[Range, float]:
        """Tokens of a request, and those that it has in common with all others."""
        exact = self._exact.count_tokens(request) if self._exact is not None else None
        if exact is not None:
            return (exact, exact, exact), 0.0
        self._exact = None
        held = request.schema is not None and self.teacher.capabilities.rungs[0] == "schema"
        schema = self._count(str(request.schema)) if held else TokenCount(0, 0, 0)
        system = self._count(request.system)
        user = count("\n".join([request.user, *(text for _, text in request.turns)]), self.teacher.name)
        low = system.low + user.low + _SCHEMA[0] * schema.low + _MESSAGE[0]
        likely = system.typical + user.typical + _SCHEMA[1] * schema.typical + _MESSAGE[0]
        high = system.high + user.high + _SCHEMA[2] * schema.high + _MESSAGE[1]
        return (low, likely, high), system.typical + schema.typical

    def _count(self, text: str) -> TokenCount:
        """Tokens of a text that many requests share."""
        if text not in self._counted:
            self._counted[text] = count(text, self.teacher.name)
        return self._counted[text]

    def written(self, read: ReadTokens, before: CallsBefore) -> tuple[Range, Range | None]:
        """Tokens that a call writes, and those of hidden thinking among them, None where nobody knows."""
        config, method = self.config, METHODS[self.config.method]
        if before.output is not None and before.thinking is not None:
            return before.output, before.thinking
        thought = before.thinking or self._thinking()
        if method.fields:
            keys = self.schema.keys
            answer = answer_tokens(
                {keys[one.name]: one for one in self.schema},
                {keys[name]: tokens for name, tokens in before.fields.items()},
                read.foreign,
                self.teacher.name,
            )
            answer = _scaled(answer, config.pack)
        elif method.thinking:
            answer = _scaled(ANSWER, read.foreign)
            thought = thought if thought and thought[2] else TRACE
        else:
            answer = _scaled(TRACE, read.foreign)
        bound = config.max_tokens * config.pack if config.max_tokens else math.inf
        low, likely, high = (min(a + t, bound) for a, t in zip(answer, thought or (0, 0, 0), strict=True))
        return (low, likely, high), thought

    def _thinking(self) -> Range | None:
        """Tokens of hidden thinking by the model's family; None where that is not known."""
        teacher, method = self.teacher, METHODS[self.config.method]
        if teacher.name.partition(":")[0] not in ("openai", "anthropic"):
            return (0, 0, 0)  # a function, or a local model that a schema holds to its answer
        profile = profile_of(teacher.name)
        return None if profile is None else profile.tokens(self.config.reasoning_effort, method.thinking)


def _scaled(tokens: Range, factor: float) -> Range:
    low, likely, high = tokens
    return low * factor, likely * factor, high * factor
