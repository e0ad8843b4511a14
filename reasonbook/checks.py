"""Checks: what looks wrong with a row's reasoning, as flags and one suspicion score."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .conversation import missing

# Weight of each flag in the score: how likely such a row would teach something wrong.
WEIGHTS = {"contradicted": 4.0, "leaked": 3.0, "blank": 3.0, "refused": 3.0, "repeated": 2.0, "too long": 1.0}
_LEAKS = re.compile(
    r"\b(?:(?:as|like)\s+(?:the|stated in the|given in the|shown in the)\s+(?:response|answer|reply|output)"
    r"|(?:the|given)\s+(?:response|answer|reply|output)\s+(?:says|states|shows|gives|is\s+given|confirms|indicates)"
    r"|according\s+to\s+the\s+(?:response|answer|reply|output)"
    r"|based\s+on\s+the\s+(?:response|answer|reply|output)"
    r"|the\s+assistant(?:'s)?\s+(?:response|answer|reply|replied|answered|said))\b",
    re.IGNORECASE,
)
_REFUSALS = re.compile(
    r"^\W*(?:i\s+(?:cannot|can't|can not|am unable)|i'm\s+(?:sorry|unable)|as an ai\b"
    r"|unable to (?:determine|comply))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
_SHORT = 24  # characters; shorter texts say too little to be called repeated


@dataclass(frozen=True)
class Finding:
    """Flags of one row, and their sum of weights; 0 when nothing looks wrong."""

    flags: tuple[str, ...] = ()
    suspicion: float = 0.0


def check(rows: Iterable[tuple[Mapping[str, Any] | None, str | None]]) -> list[Finding]:
    """Looks at all rows at once, since "too long" and "contradicted" are measured against the others.

    Args:
        rows: reasoning by field name (None where there is none) and response of each row.
    """
    pairs = list(rows)
    lengths = [len(_text(reasoning)) for reasoning, _ in pairs]
    limit = _long(lengths)
    deciding = _deciding_field(pairs)
    findings = []
    for (reasoning, response), length in zip(pairs, lengths, strict=True):
        if not reasoning:
            findings.append(Finding())
            continue
        text = _text(reasoning)
        flags = [
            name
            for name, found in (
                ("blank", any(missing(value) or value == [] for value in reasoning.values())),
                ("contradicted", deciding is not None and not _agrees(reasoning.get(deciding), response)),
                ("leaked", bool(_LEAKS.search(text))),
                ("refused", any(isinstance(v, str) and _REFUSALS.match(v) for v in reasoning.values())),
                ("repeated", _repeats(text)),
                ("too long", length > limit),
            )
            if found
        ]
        findings.append(Finding(tuple(flags), sum(WEIGHTS[flag] for flag in flags)))
    return findings


def _text(reasoning: Mapping[str, Any] | None) -> str:
    return "\n".join(str(value) for value in (reasoning or {}).values() if not missing(value))


def _long(lengths: Sequence[int]) -> float:
    """Three times the median, and never under 400 characters: ordinary variation is not suspicious."""
    known = sorted(length for length in lengths if length)
    return max(400.0, 3.0 * known[len(known) // 2]) if known else float("inf")


def _deciding_field(pairs: Sequence[tuple[Mapping[str, Any] | None, str | None]]) -> str | None:
    """The field that states the answer in nine of ten rows, so that a row where it differs stands out."""
    agreeing: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for reasoning, response in pairs:
        if reasoning and response:
            for name, value in reasoning.items():
                if not missing(value) and not isinstance(value, (bool, list)):
                    seen[name] += 1
                    agreeing[name] += _agrees(value, response)
    names = [name for name in seen if seen[name] >= 10 and agreeing[name] >= 0.9 * seen[name]]
    return max(names, key=lambda name: agreeing[name] / seen[name]) if names else None


def _agrees(value: Any, response: str | None) -> bool:
    if not response or missing(value):
        return False
    if isinstance(value, (int, float)):
        return any(_number(found) == float(value) for found in _NUMBER.findall(response))
    said, given = _plain(str(value)), _plain(response)
    return bool(said) and (said in given or given in said)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s$€£%.-]", " ", text.casefold()).split()).strip(" .")


def _repeats(text: str) -> bool:
    """Whether one line or sentence stands three times, or five words in a row stand four times."""
    parts = [part.strip().casefold() for part in re.split(r"[\n.!?]+", text)]
    counts = Counter(part for part in parts if len(part) >= _SHORT)
    if counts and max(counts.values()) >= 3:
        return True
    words = text.casefold().split()
    grams = Counter(zip(*(words[i:] for i in range(5)), strict=False))
    return bool(grams) and max(grams.values()) >= 4
