"""Ways to grade an answer, the judge among them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbook.chat import Task
from reasonbook.errors import TrainingError
from reasonbook.teachers.openai import OpenAI
from reasonbook.training.answering.scoring import judge, resolve
from reasonbook.training.answering.scoring.options import Options
from reasonbook.training.answering.scoring.parts import json_fields, list_f1
from reasonbook.training.answering.scoring.score import numeric_reading
from tests.servers.provider import Provider
from tests.training.scoring_cases import CHOICES, LISTS, NUMBERS, OBJECTS


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
        ("numeric", "between 3 and 4", "4", False),
        ("list", "- b\n- a", "a, b", True),
        ("JSON fields", '{"a": 1}', '{"a": 1.0}', True),
        ("numeric", "-5", "5", False),
        ("numeric", "none", "4", False),
        ("numeric", "words alone", "words alone", True),
        ("choice accuracy", "The answer is (B).", "B", True),
        ("choice", "Approve", "approve", True),
    ],
)
def test_one_answer(score, answer, expected, right):
    assert resolve(score).grade([answer], tasks(expected)) == [float(right)]


def test_numbers_are_read_as_people_write_them():
    cases = [line.rsplit("|", 2) for line in NUMBERS.strip("\n").split("\n")]
    wrong = []
    for written, right, grade in cases:
        answer, expected = (text.replace("\\\\", "\\").replace("\\n", "\n") for text in (written, right))
        found, said = numeric_reading(answer, expected)
        if found != float(grade):
            wrong.append((answer, expected, grade, said))
    assert not wrong and len(cases) > 190


def test_choices_are_read_with_their_denials():
    found = [(names, text, Options.of(names).read(text)) for names, text, _ in CHOICES]
    wrong = [
        (text, want, got) for (_, text, got), (*_, want) in zip(found, CHOICES, strict=True) if got[0] != want
    ]
    assert not wrong and len(CHOICES) > 55


@pytest.mark.parametrize("rule, cases", [(list_f1, LISTS), (json_fields, OBJECTS)])
def test_parts_are_counted(rule, cases):
    wrong = [(a, e, want, got) for a, e, want in cases if (got := rule(a, e))[0] != pytest.approx(want)]
    assert not wrong


def test_how_an_answer_was_read_is_told():
    answers, held = ["You get $12 (order 7).", "3 or 4", "none"], tasks("$7", "4", "4")
    assert resolve("numeric").readings(answers, held) == ["$12", "ambiguous: 3 or 4", "no number"]
    assert resolve("choice").readings(["not a"], tasks("a")) == ["no option"]
    assert resolve("exact").readings(answers, held) == ["", "", ""]


PIECES = [*"0123456789 ,.-−–$€%/()[]{}\\^x=#:\n\"'`*ab½٣²", " is ", "not ", "\\frac{", "or "]
HARD = st.lists(st.sampled_from(PIECES)).map("".join)


@settings(max_examples=150, deadline=None)
@given(HARD | st.text(), HARD)
def test_no_text_breaks_a_rule(answer, expected):
    for rule in ("numeric", "choice", "list", "json"):
        [grade] = resolve(rule).grade([answer], tasks(expected))
        assert 0 <= grade <= 1
        assert isinstance(resolve(rule).readings([answer], tasks(expected))[0], str)


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["1 ", "1/", "no ", "1e9 ", "order 7 ", "- ", "{", "twenty ", "$1$", "answer is "]
)
def test_a_long_answer_is_read_in_a_moment(part):
    """Work grows with the length, not with its square: a tenth of the text must not take a hundredth of the time."""
    import time

    def seconds(text):
        began = time.process_time()
        numeric_reading(text, "1")
        Options.of(("yes", "no")).read(text)
        return time.process_time() - began

    seconds(part * 10)
    assert seconds(part * (12_000 // len(part))) < 5


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
