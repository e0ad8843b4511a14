"""Teacher name: a teacher, however it was given, as a person knows it."""

from __future__ import annotations

from types import FunctionType

from ..teachers import Teacher, TeacherSpec


def teacher_name(teacher: TeacherSpec | None) -> str:
    """A spec as it was typed, a teacher's or a function's name; empty when there is none."""
    if teacher is None or isinstance(teacher, str):
        return teacher or ""
    if isinstance(teacher, FunctionType):
        return teacher.__name__
    return teacher.name if isinstance(teacher, Teacher) else type(teacher).__name__
