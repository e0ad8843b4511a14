"""Ways to grade an answer, the judge among them."""

from __future__ import annotations

import json

import pytest

from reasonbook.chat import Task
from reasonbook.errors import TrainingError
from reasonbook.teachers.openai import OpenAI
from reasonbook.training.answering.scoring import judge, resolve
from tests.servers.provider import Provider


def tasks(*expected: str) -> list[Task]:
    return [
        Task(str(i), i, 0, "test", ({"role": "user", "content": f"question {i}"},), text)
        for i, text in enumerate(expected)
    ]


@pytest.mark.parametrize(
    "score, answer, expected, right",
    [
        (None, " $104\n", "$104", True),
        (None, "$1 04", "$104", False),
        ("exact match", "two  words", "two words", True),
        ("exact", "re\u0301sume\u0301", "résumé", True),
        ("numeric match", "It is $1,204.50 in all.", "1204.5", True),
        ("numeric", "between 3 and 4", "4", True),
        ("numeric", "-5", "5", False),
        ("numeric", "none", "4", False),
        ("numeric", "words alone", "words alone", True),
        ("choice accuracy", "The answer is (B).", "B", True),
        ("choice", "Approve", "approve", True),
    ],
)
def test_one_answer(score, answer, expected, right):
    assert resolve(score).grade([answer], tasks(expected)) == [float(right)]


def test_a_choice_is_the_first_option_that_is_named():
    held = tasks("refuse", "approve", "approve in part")
    answers = ["We refuse, we do not approve.", "I approve in part.", "approve in part"]
    assert resolve("choice").grade(answers, held) == [1.0, 0.0, 1.0]


def test_a_function_of_two_or_three():
    two = resolve(lambda answer, expected: answer == expected)
    three = resolve(lambda answer, expected, prompt: 0.5 if prompt == "question 1" else 0)
    assert two.grade(["a", "b"], tasks("a", "c")) == [1.0, 0.0]
    assert three.grade(["a", "b"], tasks("a", "c")) == [0.0, 0.5]


def test_a_function_that_fails_names_the_row():
    rule = resolve(lambda answer, expected: int(answer))
    with pytest.raises(TrainingError, match="failed on row 1: ValueError"):
        rule.grade(["1", "x"], tasks("1", "1"))


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(TrainingError, match="exact"):
        resolve("rouge")


class Strict:
    """A judge that grades by a rule of its own and keeps what it was asked."""

    name = "strict"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    @property
    def capabilities(self):
        from reasonbook.teachers import Capabilities

        return Capabilities()

    async def complete(self, request):
        from reasonbook.teachers import Completion, Usage

        self.asked.append(request.user)
        grade = 1.0 if "<answer>\nyes" in request.user else 0.25
        return Completion(
            text=json.dumps({"grade": grade, "why": "rule"}), reasoning="", usage=Usage(), stop_reason="stop"
        )

    async def close(self) -> None:
        self.closed = True


def test_a_judge_sees_request_reference_and_answer():
    teacher = Strict()
    rule = judge(teacher)
    assert rule.grade(["yes", "no"], tasks("yes", "yes")) == [1.0, 0.25]
    assert "question 0" in teacher.asked[0] and "<reference>\nyes" in teacher.asked[0] and teacher.closed
    assert "strict" in rule.name


def test_a_judge_works_inside_a_running_loop():
    """A notebook's cell runs in a loop already."""
    import asyncio

    async def cell():
        return judge(Strict()).grade(["yes"], tasks("yes"))

    assert asyncio.run(cell()) == [1.0]


def test_a_judge_that_fails_is_said():
    class Broken(Strict):
        async def complete(self, request):
            raise RuntimeError("no network")

    with pytest.raises(TrainingError, match="no network"):
        judge(Broken()).grade(["yes"], tasks("yes"))


def mock(provider: Provider) -> OpenAI:
    return OpenAI("mock", base_url=provider.url, api="chat")


def test_grades_are_paid_for_once_and_survive_a_busy_provider(home):
    def script(row, attempt):
        return {1: "rate", 2: "odd"}.get(attempt)

    with Provider(
        script=script, retry_after=0.01, answer=lambda asked: '{"grade": 0.5, "why": "half"}'
    ) as one:
        assert judge(mock(one)).grade(["yes", "no"], tasks("yes", "yes")) == [0.5, 0.5]
        asked = one.requests
        assert one.statuses[429] >= 1 and one.statuses[200] == 2
        assert judge(mock(one)).grade(["yes", "no"], tasks("yes", "yes")) == [0.5, 0.5]
        assert one.requests == asked


@pytest.mark.parametrize("said", ["no idea", '{"grade": 7, "why": "generous"}'])
def test_a_judge_without_a_usable_grade_is_said(said):
    with (
        Provider(answer=lambda asked: said) as one,
        pytest.raises(TrainingError, match="grade"),
    ):
        judge(mock(one)).grade(["yes"], tasks("yes"))
