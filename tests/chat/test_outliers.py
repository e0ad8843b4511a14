"""Rows that stand out, found in the arrays that are trained."""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, ChatRow, build
from reasonbook.chat.outliers import (
    LONG_REASONING,
    NEARLY_FULL,
    NO_REASONING,
    NO_STOP,
    SHORT_REASONING,
    TWIN,
    find_outliers,
)
from reasonbook.data.conversation import Conversation


@pytest.fixture(scope="module")
def student(tiny_student):
    return tiny_student


def row(position, *, words=12, request="Please refund the chair that I bought", split="train"):
    messages = (
        {"role": "user", "content": f"{request}, order {position}."},
        {"role": "assistant", "content": f"${position}"},
    )
    reasoning = {"Policy": "gold " * words + str(position)} if words else None
    return ChatRow(position, str(position), split, Conversation(messages=messages), reasoning)


def rows(**special):
    """Sixty plain rows, each with a few words more or less, of which some are made special."""
    made = [row(i, words=12 + i % 5) for i in range(60)]
    for place, other in special.items():
        made[int(place.strip("_"))] = other
    return made


@pytest.mark.slow
def test_even_rows_stand_out_in_nothing(student):
    assert find_outliers(build(rows(), student)) == {}


def test_missing_long_and_short_reasoning(student):
    data = build(rows(_7=row(7, words=0), _20=row(20, words=90), _33=row(33, words=1)), student)
    found = find_outliers(data)
    assert found == {7: (NO_REASONING,), 20: (LONG_REASONING,), 33: (SHORT_REASONING,)}


def test_indices_are_those_of_the_view(student):
    made = [row(i, words=12 + i % 5, split="test" if i < 30 else "train") for i in range(60)]
    made[45] = row(45, words=0)
    data = build(made, student)
    train = data.split("train")
    [index] = find_outliers(train)
    assert train.preview(index).position == 45
    assert find_outliers(data.split("test")) == {}
    assert find_outliers(data.split("validation")) == {}


def test_twins_and_rows_near_the_limit(student):
    made = rows(_3=row(50, words=12 + 50 % 5))
    data = build(made, student)
    assert find_outliers(data) == {3: (TWIN,), 50: (TWIN,)}
    longest = int(data.lengths.max())
    tight = find_outliers(build(rows(), student, config=ChatConfig(max_length=longest)))
    assert tight and all(NEARLY_FULL in reasons for reasons in tight.values())


def test_answers_only_needs_no_reasoning(student):
    assert find_outliers(build(rows(_7=row(7, words=0)), student, strategy="final_only")) == {}


def test_every_row_learns_to_stop(student):
    assert all(NO_STOP not in reasons for reasons in find_outliers(build(rows(), student)).values())
