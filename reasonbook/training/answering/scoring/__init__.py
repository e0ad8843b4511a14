"""Scoring: how an answer is compared with the right one: exact, numeric, choice, parts of it, by a judge."""

from .score import Grade, Score, ScoreLike, exact, numeric, resolve
from .teacher_judge import judge

__all__ = ["Grade", "Score", "ScoreLike", "exact", "judge", "numeric", "resolve"]
