"""Teacher judge: a model grades answers, and each grade is paid for once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....chat import Task
from ....errors import TrainingError
from .score import Score

if TYPE_CHECKING:
    from ....teachers import Completion, TeacherSpec


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
    from ....teachers import resolve as teacher_of

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

        from ....data.conversation import digest
        from ....store import default_store
        from ....teachers import Request
        from ....teachers import resolve as teacher_of
        from ....teachers.ask import ask

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
