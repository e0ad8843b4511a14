"""Parts: how much of a list, or of the fields of a JSON object, an answer has right."""

from __future__ import annotations

import json
import re
from collections import Counter

from ....data.conversation import is_mapping, is_sequence
from .final_answer import final_answer
from .numbers import equal
from .plain_text import plain
from .quantities import quantities

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


def list_f1(answer: str, expected: str) -> tuple[float, str]:
    """F1 of the items of a list, in any order, and how the answer was read.

    Items stand on lines of their own, in a JSON list, or between semicolons or commas; case, bullets and end points
    do not count.

    Example:
        >>> from reasonbook.training.answering.scoring.parts import list_f1
        >>> list_f1("- fees\\n- taxes", "fees, shipping")
        (0.5, 'fees · taxes')
    """
    got, right = items(answer), items(expected)
    both = sum((Counter(map(str.casefold, got)) & Counter(map(str.casefold, right))).values())
    score = 2 * both / (len(got) + len(right)) if got or right else 1.0
    return score, " · ".join(got) or "no item"


def items(text: str) -> list[str]:
    """The items of a list in a text."""
    read = _json(text)
    if is_sequence(read):
        return [plain(str(item)) for item in read]
    part = final_answer(text)[0] if "\n" not in text.strip() else text
    lines = [line for line in part.splitlines() if line.strip()]
    if len(lines) > 1:
        bulleted = [line for line in lines if _BULLET.match(line)]
        lines = bulleted or lines
    elif lines:
        lines = re.split(
            r";" if ";" in part else r",(?!\d{3}\b)", re.sub(r",?\s+and\s+", ", ", _BULLET.sub("", lines[0]))
        )
    found = [plain(_BULLET.sub("", line)).strip(" .") for line in lines]
    return [item for item in found if item]


def json_fields(answer: str, expected: str) -> tuple[float, str]:
    """The share of fields of a JSON object that are equal, nested ones each by itself, and how the answer was read.

    Numbers are compared as numbers, texts by white space and Unicode form; a field too many counts as one wrong.

    Example:
        >>> from reasonbook.training.answering.scoring.parts import json_fields
        >>> json_fields('{"amount": 12.0, "paid": false}', '{"amount": 12, "paid": true}')
        (0.5, 'wrong: paid')
    """
    right = _flat(_json(expected))
    got = _json(answer)
    if got is None:
        return 0.0, "no JSON"
    found = _flat(got)
    names = [*right, *(name for name in found if name not in right)]
    wrong = [
        name
        for name in names
        if name not in found or name not in right or not _alike(found[name], right[name])
    ]
    score = 1 - len(wrong) / len(names) if names else float(got == _json(expected))
    return score, ("wrong: " + ", ".join(name or "all" for name in wrong[:6])) if wrong else "all fields"


def _json(text: str) -> object:
    fenced = _FENCE.search(text)
    bare = (fenced.group(1) if fenced else text).strip()
    for start in ("{", "["):
        at = bare.find(start)
        if at >= 0 and not bare[:at].strip().startswith(("{", "[")):
            try:
                return json.JSONDecoder().raw_decode(bare[at:])[0]
            except (ValueError, RecursionError):
                continue
    return None


def _flat(value: object, name: str = "") -> dict[str, object]:
    if is_mapping(value):
        parts: list[tuple[str, object]] = [(f"{name}.{key}".lstrip("."), part) for key, part in value.items()]
    elif is_sequence(value):
        parts = [(f"{name}[{i}]", part) for i, part in enumerate(value)]
    else:
        return {name: value}
    return (
        {key: leaf for path, part in parts for key, leaf in _flat(part, path).items()}
        if parts
        else {name: value}
    )


def _alike(answer: object, expected: object) -> bool:
    if isinstance(answer, bool) or isinstance(expected, bool) or answer is None or expected is None:
        return answer is expected
    if isinstance(answer, str) and isinstance(expected, str):
        return plain(answer).casefold() == plain(expected).casefold()
    if isinstance(answer, (str, int, float)) and isinstance(expected, (str, int, float)):
        a, b = quantities(str(answer)), quantities(str(expected))
        return len(a) == len(b) == 1 and equal(a[0], b[0])
    return answer == expected
