"""Scoring: how an answer is compared with the right one: exact, numeric, choice, by a judge."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ...chat import Task
from ...errors import TrainingError, choices

if TYPE_CHECKING:
    from ...teachers import Completion, TeacherSpec

Grade = float | bool
_NUMBER = re.compile(r"[-−]?(?:\d{1,3}(?:[,'\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Score:
    """A named way to grade answers.

    Attributes:
        name: for tables.
        grade: answers and their tasks → one grade each, from 0 to 1.
    """

    name: str
    grade: Callable[[Sequence[str], Sequence[Task]], Sequence[float]]


ScoreLike = Score | str | Callable[..., Grade] | None  # what `resolve` takes


def resolve(score: ScoreLike = None) -> Score:
    """A scoring rule from a name, a function of yours, or nothing (exact match).

    Args:
        score: None or ``"exact match"``, ``"numeric match"``, ``"choice accuracy"`` (or the first word), a
            function ``(answer, expected)`` or ``(answer, expected, prompt)`` that returns a grade from 0 to 1
            or a bool, or a `Score`.

    Raises:
        TrainingError: it is none of these.
    """
    if isinstance(score, Score):
        return score
    word = score.split()[0].split("_")[0] if isinstance(score, str) and score.strip() else score
    if word is None or word == "exact":
        return Score("exact match", lambda answers, tasks: _each(exact, answers, tasks))
    if word == "numeric":
        return Score("numeric match", lambda answers, tasks: _each(numeric, answers, tasks))
    if word == "choice":
        return Score("choice accuracy", choice)
    if callable(score):
        return _own(score)
    raise TrainingError(
        f"score={score!r} is not a way to grade answers.",
        choices(str(score), ("exact", "numeric", "choice"))
        + " or a function: score=lambda answer, expected: …",
    )


def exact(answer: str, expected: str) -> bool:
    """Equal but for white space and Unicode form."""
    return _plain(answer) == _plain(expected)


def numeric(answer: str, expected: str) -> bool:
    """The last number in the answer equals the last number that was expected."""
    a, b = number(answer), number(expected)
    if b is None:
        return exact(answer, expected)
    return a is not None and abs(a - b) <= Decimal("1e-6") * max(Decimal(1), abs(b))


def number(text: str) -> Decimal | None:
    """The last number in a text, thousands separators left out."""
    found = _NUMBER.findall(text)
    if not found:
        return None
    bare = re.sub(r"[,'\u00a0\u202f]", "", found[-1]).replace("−", "-")
    try:
        return Decimal(bare)
    except InvalidOperation:
        return None


def choice(answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
    """The option that the answer names first is the expected one; options are all responses of the split."""
    options = sorted({_plain(t.expected).casefold() for t in tasks}, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(o)}(?!\w)" for o in options if o) or r"(?!)")
    grades: list[float] = []
    for answer, task in zip(answers, tasks, strict=True):
        found = pattern.search(_plain(answer).casefold())
        grades.append(float(found is not None and found.group() == _plain(task.expected).casefold()))
    return grades


def judge(teacher: TeacherSpec, criterion: str = "") -> Score:
    """Grades by a teacher model that sees request, right response and answer.

    Args:
        teacher: as in ``augment(teacher=…)``.
        criterion: what makes an answer right, in words.

    Example:
        >>> from reasonbook.training import judge
        >>> def lenient(request):
        ...     return {"grade": 1, "why": "every answer will do"}
        >>> rb.compare([run], score=judge(lenient)).scores[0].share
        1.0
    """
    from ...teachers import resolve as teacher_of

    return Score(f"judged by {getattr(teacher_of(teacher), 'name', teacher)}", _Judge(teacher, criterion))


_JUDGE = """You grade an answer against a reference. {criterion}
Reply with a grade from 0 (wrong) to 1 (right); 0.5 is partly right."""
_GRADE = {
    "type": "object",
    "properties": {"grade": {"type": "number"}, "why": {"type": "string"}},
    "required": ["grade", "why"],
    "additionalProperties": False,
}


class _Judge:
    def __init__(self, teacher: TeacherSpec, criterion: str) -> None:
        self.teacher = teacher
        self.system = _JUDGE.format(criterion=criterion or "It is right when it means the same.")

    def __call__(self, answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        import asyncio
        import threading

        box: list[list[float] | BaseException] = []

        def work() -> None:
            try:
                box.append(asyncio.run(self._all(answers, tasks)))
            except BaseException as error:  # carried over to the caller's thread
                box.append(error)

        thread = threading.Thread(target=work, name="reasonbook-judge", daemon=True)
        thread.start()  # a loop of its own: the kernel's is never touched
        thread.join()
        grades = box[0]
        if isinstance(grades, BaseException):
            raise TrainingError(
                f"The judge could not grade: {grades}", 'score="exact" needs no teacher'
            ) from grades
        return grades

    async def _all(self, answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        import asyncio

        from ...data.conversation import digest
        from ...store import default_store
        from ...teachers import Request
        from ...teachers import resolve as teacher_of
        from ...teachers.ask import ask

        teacher, store, gate = teacher_of(self.teacher), default_store(), asyncio.Semaphore(8)

        async def one(answer: str, task: Task) -> float:
            user = f"<request>\n{task.request}\n</request>\n<reference>\n{task.expected}\n</reference>\n"
            request = Request(system=self.system, user=f"{user}<answer>\n{answer}\n</answer>", schema=_GRADE)
            key = digest(["judge", teacher.name, request.system, request.user])
            async with gate:
                return await ask(teacher, request, _read_grade, store=store, key=key, purpose="judge")

        try:
            return list(await asyncio.gather(*(one(a, t) for a, t in zip(answers, tasks, strict=True))))
        finally:
            await teacher.close()


def _read_grade(completion: Completion) -> float:
    """The grade in a judge's answer, from 0 to 1."""
    import json

    try:
        grade = float(json.loads(completion.text)["grade"])
    except (ValueError, KeyError, TypeError):
        found = re.search(r"-?\d+(?:\.\d+)?", completion.text)
        if found is None:
            raise ValueError(f"the judge gave no grade: {completion.text[:80]!r}") from None
        grade = float(found.group())
    if not 0.0 <= grade <= 1.0:
        raise ValueError(f"the grade {grade:g} is not between 0 and 1")
    return grade


def _own(function: Callable[..., Grade]) -> Score:
    try:
        count = len(
            [
                p
                for p in inspect.signature(function).parameters.values()
                if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
            ]
        )
    except (TypeError, ValueError):
        count = 2

    def grade(answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
        grades: list[float] = []
        for answer, task in zip(answers, tasks, strict=True):
            parts = (answer, task.expected, task.request)[: max(2, min(3, count))]
            try:
                value = float(function(*parts))
            except Exception as error:
                raise TrainingError(
                    f"Your scoring function failed on row {task.position}: {type(error).__name__}: {error}",
                    "def score(answer: str, expected: str) -> float: …   # from 0 to 1",
                ) from error
            if not 0 <= value <= 1:
                raise TrainingError(
                    f"Your scoring function gave {value!r} for row {task.position}; a grade is from 0 to 1.",
                    "def score(answer: str, expected: str) -> float: …",
                )
            grades.append(value)
        return grades

    return Score(getattr(function, "__name__", "score").strip("<>"), grade)


def _each(rule: Callable[[str, str], bool], answers: Sequence[str], tasks: Sequence[Task]) -> list[float]:
    return [float(rule(answer, task.expected)) for answer, task in zip(answers, tasks, strict=True)]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
