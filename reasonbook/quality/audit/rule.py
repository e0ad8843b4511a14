"""Rule: how blind answers are compared with the responses, by the scores that a comparison uses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import TeacherError
from ...training.answering.scoring import Score, ScoreLike, resolve
from ...training.answering.scoring.numbers import read_number
from .rows import AuditedRow, free_texts

_BARE = re.compile(r"[^\w]*(?:[A-Za-z€$£]{0,3}\s*)?[-−]?[\d.,'\s]+(?:\s*[%\w°€$£]{0,12})?[^\w]*")
_CLASSES = 20
_FREE = 0.9  # of answers that differ


def chosen_rule(rows: Sequence[AuditedRow], score: ScoreLike) -> tuple[Score, str]:
    """The rule, and a sentence where it was chosen here.

    Raises:
        TeacherError: the responses are free texts, and no rule was named: nothing would be right.
        TrainingError: there is no such rule.
    """
    if score != "auto":
        return resolve(score), ""
    responses = [row.response.strip() for row in rows]
    distinct = {text.casefold() for text in responses}
    if sum(_is_number(text) for text in responses) >= 0.9 * len(responses):
        return resolve("numeric"), 'The responses are numbers, so their values are compared: score="numeric".'
    if len(distinct) <= _CLASSES and len(distinct) <= max(2, len(responses) / 3):
        return resolve("choice"), f'The responses are {len(distinct)} classes: score="choice".'
    if free_texts(responses):
        raise TeacherError(
            "The responses are free texts, and no two people write the same one: compared word for word, every blind "
            "answer would be wrong. A judge can compare them, and the student's nats need no comparison.",
            'from reasonbook.training import judge; df.reason.quality().audit(checker="openai:MODEL", '
            'score=judge("openai:MODEL"))   or   df.reason.quality().audit(checker="student")',
        )
    return resolve("exact"), 'Answers are compared word for word: score="exact".'


def free_text_note(rule: Score, grades: Sequence[float]) -> str:
    """What to say where nearly no answer is right word for word; "" elsewhere."""
    wrong = sum(grade < 1.0 for grade in grades)
    if rule.name != "exact match" or len(grades) < 10 or wrong < _FREE * len(grades):
        return ""
    return (
        f"{wrong / len(grades):.0%} of blind answers differ from the data: these are free texts; "
        'score=judge("openai:MODEL") compares their meaning, checker="student" needs no comparison.'
    )


def _is_number(text: str) -> bool:
    return read_number(text).quantity is not None and len(text) <= 40 and _BARE.fullmatch(text) is not None
