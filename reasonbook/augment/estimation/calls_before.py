"""Calls before: what a teacher's earlier calls in the store have written, as the next ones may."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from ...errors import SchemaError
from ...schema import Schema
from ...store import PastCall, Store, newest_calls
from ...teachers.pricing.tokens import count
from ..answers import objects
from ..config import AugmentConfig
from .answer_length import Range

_MOST = 200  # calls that are looked at
_FEW = 3  # below so many, nothing is said of a field or of thinking
_SAME = ("instructions", "language", "examples", "reasoning_effort", "max_tokens", "pack", "temperature")


@dataclass(frozen=True)
class CallsBefore:
    """What is known from them.

    Attributes:
        calls: how many asked for the same fields in the same way.
        output: tokens that one of those wrote, thinking among them; None where there are none.
        thinking: tokens that one of those spent on thinking.
        fields: field name → tokens of an average value, of fields that were asked before, among whatever others.
    """

    calls: int = 0
    output: Range | None = None
    thinking: Range | None = None
    fields: dict[str, float] = field(default_factory=dict[str, float])


def calls_before(store: Store, teacher: str, schema: Schema, config: AugmentConfig) -> CallsBefore:
    """Looks through the newest calls of a teacher by the same method."""
    told = config.told()
    found = newest_calls(store, teacher, config.method, most=_MOST)
    wanted = json.dumps(schema.to_dict(), ensure_ascii=False)
    same = [
        call
        for call in found
        if call.schema == wanted and all(call.parameters.get(name) == told.get(name) for name in _SAME)
    ]
    equal = [call for call in found if call.parameters.get("reasoning_effort") == config.reasoning_effort]
    thoughts = [call.usage.get("reasoning", 0) for call in same or equal]
    return CallsBefore(
        len(same),
        _mean([call.usage.get("output", 0) for call in same]),
        _mean(thoughts) if same or len(thoughts) >= _FEW else None,
        _field_tokens(found, schema, teacher),
    )


def _field_tokens(calls: Sequence[PastCall], schema: Schema, teacher: str) -> dict[str, float]:
    """Tokens of an average value of each field of this schema that was asked for in those calls."""
    prints = {one.fingerprint: one.name for one in schema}
    known: dict[str, dict[str, str]] = {}
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        if call.schema not in known:
            known[call.schema] = _names(call.schema, prints)
        names = known[call.schema]
        for answer in objects(call.text) if names and call.text else ():
            for key, value in answer.items():
                if key in names and value is not None:
                    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                    seen[names[key]].append(count(text, teacher).typical)
            break
    return {name: fmean(tokens) for name, tokens in seen.items() if len(tokens) >= _FEW}


def _names(told: str, prints: dict[str, str]) -> dict[str, str]:
    """Key in the answers → name here, of the fields of a schema on record that stand in ours too."""
    try:
        other = Schema.from_dict(json.loads(told))
    except (ValueError, KeyError, TypeError, SchemaError):
        return {}
    keys = other.keys
    return {keys[one.name]: prints[one.fingerprint] for one in other if one.fingerprint in prints}


def _mean(values: Sequence[float]) -> Range | None:
    """The mean with its uncertainty, by the spread of the calls and never under a tenth."""
    if not values:
        return None
    mean = fmean(values)
    spread = stdev(values) if len(values) > 1 else 0.5 * mean
    wide = 0.1 * mean + 2.5 * spread / math.sqrt(len(values))
    return max(0.0, mean - wide), mean, mean + wide
