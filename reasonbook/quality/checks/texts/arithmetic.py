"""Arithmetic: every chain ``a x b = c + d = e`` of a text is worked out, by a parser of our own.

What is no plain chain of numbers says nothing: a date, a range, a time, an unknown, a power.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .numbers import canonical

# A number, with its currency before it and its unit behind it, or a sign.
_TOKEN = re.compile(
    r"\s*(?:(?:US)?[$€£¥]\s?)?(?:(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)(?P<percent>\s?%)?(?:\s(?!x\b)[^\W\d_]{1,14}(?=\s*[-+*/x×·÷−–=)]))?"
    r"|(?P<sign>[-+*/×·÷−–()=]|(?<![^\W\d_])[xX](?![^\W_])|(?<![^\W\d_])[xX](?=\s?\d)))"
)
_SIGNS = {"−": "-", "–": "-", "x": "*", "X": "*", "×": "*", "·": "*", "÷": "/"}
_BEFORE = frozenset("([{\"'“‘:;,*>_~|`\n\t ")  # what may stand before a chain
_NOT_AFTER = frozenset("^!²³:°'")  # what makes its last number another one
_MOST = 400  # tokens of a chain
_ENDS = re.compile(r"[,;:.]\s")  # of chains for sure
# A chain as most are, alone or after some words; what else there is takes the parser.
_SIDE = r"\d{1,15}(?: [-+x] \d{1,15})?"
_EASY = re.compile(rf"(?:[A-WYZa-wyz ]* )?({_SIDE}(?: = {_SIDE}){{1,4}})\.?", re.ASCII)
_EASY_SIGNS = {"+": int.__add__, "-": int.__sub__, "x": int.__mul__}


class WrongSum(NamedTuple):
    """A chain that does not hold.

    Attributes:
        words: what it should say: ``110 + 22 = 132, not 141``.
        start: where its wrong side begins in the text.
        end: where that ends.
    """

    words: str
    start: int
    end: int


class Worked(NamedTuple):
    """What a text works out: the numbers behind its equals signs, and the first chain that does not hold."""

    numbers: frozenset[str]
    wrong: WrongSum | None


_NOTHING = Worked(frozenset(), None)


class _Token(NamedTuple):
    kind: str  # "number" or the sign itself
    value: float
    percent: bool
    text: str
    start: int
    end: int
    spaced: bool


def worked_out(text: str) -> Worked:
    """What a text works out.

    Example:
        >>> from reasonbook.quality.checks.texts import worked_out
        >>> worked_out("3 x 47 = 120 + 21 = 140").wrong.words
        '3 x 47 = 141, not 140'
    """
    return (_easily(text) or _worked_out(text)) if "=" in text else _NOTHING


def _easily(text: str) -> Worked | None:
    """The same where all chains are short sums of whole numbers that hold, without taking them to pieces."""
    numbers: set[str] = set()
    for part in _ENDS.split(text):
        if "=" not in part:
            continue
        if (found := _EASY.fullmatch(part)) is None:
            return None
        sides = [side.split(" ") for side in found[1].split(" = ")]
        if len({_easy_value(*side) for side in sides}) > 1:
            return None
        numbers.update(number for side in sides[1:] for number in side[::2])
    return Worked(frozenset(map(canonical, numbers)), None)


def _easy_value(number: str, sign: str = "+", other: str = "0") -> int:
    return _EASY_SIGNS[sign](int(number), int(other))


def _worked_out(text: str) -> Worked:
    numbers: set[str] = set()
    wrong: WrongSum | None = None
    for chain in _chains(text):
        first = next((i for i, token in enumerate(chain) if token.kind == "="), len(chain))
        numbers.update(canonical(token.text) for token in chain[first:] if token.kind == "number")
        wrong = wrong or _wrong(chain, text)
    return Worked(frozenset(numbers), wrong) if numbers else _NOTHING


def _chains(text: str) -> Iterator[list[_Token]]:
    """Runs of tokens with nothing between them that have an equals sign."""
    run: list[_Token] = []
    for found in _TOKEN.finditer(text):
        if run and (found.start() != run[-1].end or len(run) >= _MOST):
            if any(token.kind == "=" for token in run):
                yield run
            run = []
        number, sign = found["number"], found["sign"]
        start = found.start("number" if number else "sign")
        spaced = text[start - 1 : start].isspace() and text[found.end() : found.end() + 1].isspace()
        value = float(number.replace(",", "")) if number else 0.0
        kind = "number" if number else _SIGNS.get(sign, sign)
        run.append(_Token(kind, value, bool(found["percent"]), number or sign, start, found.end(), spaced))
    if any(token.kind == "=" for token in run):
        yield run


def _wrong(chain: list[_Token], text: str) -> WrongSum | None:
    """The first side of a chain that has not the value of the side that is worked out."""
    while chain and chain[0].kind not in ("number", "("):  # "total = 3 + 4"
        chain = chain[1:]
    while chain and chain[-1].kind not in ("number", ")"):  # "= …" of which a word is the value
        chain = chain[:-1]
    if not chain or not _stands_alone(chain, text):
        return None
    sides: list[list[_Token]] = [[]]
    for token in chain:
        if token.kind == "=":
            sides.append([])
        else:
            sides[-1].append(token)
    first = next((side for side in sides if len(side) > 1), None)
    values = [_value(side) for side in sides]
    if first is None or None in values:
        return None
    right = values[sides.index(first)]
    assert right is not None
    for side, value in zip(sides, values, strict=True):
        assert value is not None
        if abs(value - right) > _room(chain, side, right) and not _ranges(chain):
            said, other = text[first[0].start : first[-1].end], text[side[0].start : side[-1].end]
            return WrongSum(f"{said} = {_short(right)}, not {other}", side[0].start, side[-1].end)
    return None


def _stands_alone(chain: list[_Token], text: str) -> bool:
    start, end = chain[0].start, chain[-1].end
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if before in "$€£¥" and start > 1:
        before = text[start - 2 : start - 1]
    joined = (after in _NOT_AFTER and text[end + 1 : end + 2].isalnum()) or after in "^²³"
    return (not before or before in _BEFORE) and not (after and (joined or after.isalpha()))


def _room(chain: list[_Token], side: list[_Token], right: float) -> float:
    """How far a side may be off: by what rounding leaves where something was divided, or decimals multiplied."""
    decimals = max(map(_decimals, side))
    rounded = any(token.kind == "/" or token.percent for token in chain) or (
        any(token.kind == "*" for token in chain) and max(map(_decimals, chain)) > 0
    )
    return 10.0**-decimals if rounded else 1e-6 * max(1.0, abs(right))


def _decimals(token: _Token) -> int:
    return len(token.text.partition(".")[2]) if token.kind == "number" else 0


def _ranges(chain: list[_Token]) -> bool:
    """Whether a dash may mean "to": it stands without spaces between a number and a larger one."""
    return any(
        sign.kind == "-" and not sign.spaced and a.kind == b.kind == "number" and a.value < b.value
        for a, sign, b in zip(chain, chain[1:], chain[2:], strict=False)
    )


def _value(side: list[_Token]) -> float | None:
    """What a side comes to; None where it is no sum."""
    try:
        value, at = _sum(side, 0, 0)
    except (IndexError, ZeroDivisionError, OverflowError, ValueError):
        return None
    return value if at == len(side) else None


def _sum(side: list[_Token], at: int, depth: int) -> tuple[float, int]:
    value, at = _product(side, at, depth)
    while at < len(side) and side[at].kind in "+-":
        sign = 1 if side[at].kind == "+" else -1
        part, after = _product(side, at + 1, depth)
        if after == at + 2 and side[at + 1].percent:  # "200 - 10 %" takes a tenth of the 200 away
            part *= value
        value, at = value + sign * part, after
    return value, at


def _product(side: list[_Token], at: int, depth: int) -> tuple[float, int]:
    value, at = _factor(side, at, depth)
    while at < len(side) and side[at].kind in "*/":
        part, after = _factor(side, at + 1, depth)
        value, at = (value * part if side[at].kind == "*" else value / part), after
    return value, at


def _factor(side: list[_Token], at: int, depth: int) -> tuple[float, int]:
    token = side[at]
    if token.kind == "(":
        if depth > 20:
            raise ValueError("nested too deep")
        value, at = _sum(side, at + 1, depth + 1)
        if side[at].kind != ")":
            raise ValueError("not closed")
        return value, at + 1
    if token.kind == "-":
        if depth > 20:
            raise ValueError("nested too deep")
        value, at = _factor(side, at + 1, depth + 1)
        return -value, at
    if token.kind != "number":
        raise ValueError("no number")
    return token.value / (100 if token.percent else 1), at + 1


def _short(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.2f}".rstrip("0").rstrip(".")
