"""Several samples per row: the check's choice, the vote, and what the store makes free."""

import json
import re

import pytest

import reasonbook as rb
from reasonbook.job import Status
from tests.augment.conftest import frame

SCHEMA = rb.Schema({"Mood": "One word.", "Score": {"instruction": "0 to 10.", "type": "number"}})


def says(provider, scores):
    """Makes the provider's model give these scores, one after the other, for each row."""
    given: dict[str, int] = {}

    def answer(asked):
        turn = given.get(asked.row, 0)
        given[asked.row] = turn + 1
        return json.dumps({"mood": "calm", "score": scores[turn % len(scores)]})

    provider.answer = answer


def test_sampling_ends_at_the_first_answer_that_passes(provider):
    says(provider, [1, 2, 9, 9])
    df = frame(3)
    job = df.reason.augment(
        SCHEMA, teacher=provider.chat, samples=5, check=lambda values, row: values["Score"] > 5
    ).wait()
    assert job.status is Status.COMPLETED and provider.requests == 9
    assert [v["Score"] for v in df["reasoning"]] == [9, 9, 9]
    df.reason.augment(
        SCHEMA, teacher=provider.chat, samples=5, check=lambda values, row: values["Score"] > 5
    ).wait()
    assert provider.requests == 9, "samples are kept like any other answer"


def test_rows_of_which_no_sample_passes_say_so(provider):
    says(provider, [1, 2, 3])
    df = frame(2)
    job = df.reason.augment(SCHEMA, teacher=provider.chat, samples=3, check=lambda values, row: False)
    with pytest.raises(rb.ReasonbookError, match="none of 3 samples passed"):
        job.wait()
    assert provider.requests == 6


def test_a_score_takes_the_highest(provider):
    says(provider, [4, 8, 2])
    df = frame(1)
    df.reason.augment(
        SCHEMA, teacher=provider.chat, samples=3, check=lambda values, row: values["Score"]
    ).wait()
    assert df["reasoning"][0]["Score"] == 8 and provider.requests == 3


def test_without_a_check_samples_vote(provider):
    says(provider, [4, 7, 7])
    df = frame(1)
    df.reason.augment(SCHEMA, teacher=provider.chat, samples=3).wait()
    assert df["reasoning"][0]["Score"] == 7


def test_the_check_sees_the_row_and_a_native_answer(provider):
    provider.thinking = True
    seen = []

    def check(values, row):
        seen.append((row.prompt[:10], row.response, row.answer))
        return bool(re.search("A thought", row.answer))

    df = frame(1)
    df.reason.augment(SCHEMA, teacher=provider.chat, method="native", samples=2, check=check).wait()
    assert seen[0] == ("ROW-000000", "We refund order 0.", "A thought about ROW-000000.")


def test_a_check_that_raises_is_the_rows_error(provider):
    df = frame(1)
    job = df.reason.augment(SCHEMA, teacher=provider.chat, samples=2, check=lambda values, row: 1 / 0)
    with pytest.raises(rb.ReasonbookError, match="ZeroDivisionError"):
        job.wait()


def test_more_samples_later_pay_for_the_new_ones_only(provider):
    says(provider, [4, 7, 7])
    df = frame(1)
    df.reason.augment(SCHEMA, teacher=provider.chat).wait()
    df.reason.augment(SCHEMA, teacher=provider.chat, samples=3).wait()
    assert provider.requests == 3 and df["reasoning"][0]["Score"] == 7
