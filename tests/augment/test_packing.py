"""Several rows per call: each row gets its own answer, and nothing is lost when a pack fails."""

import json

import pytest

import reasonbook as rb
from reasonbook.job import Status
from tests.augment.conftest import check, frame
from tests.augment.test_live import teachers
from tests.walks import walk


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_rows_share_calls(provider, schema, dialect):
    df = frame(50)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], pack=8, concurrency=2).wait()
    assert job.status is Status.COMPLETED and provider.requests == 7
    check(df)
    again = frame(50)
    again.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    assert provider.requests == 7, "packed answers are the rows' own in the store"


FAULTS = ["malformed", "cut", "refuse", "wrong", "request", "reset", "rate"]


@pytest.mark.parametrize("fault", walk(FAULTS, fast=["malformed", "wrong"]))
def test_a_pack_that_fails_is_split(provider, schema, fault):
    provider.retry_after = 0.05
    bad = "ROW-000003"

    def script(row, attempt):
        rows = [f"ROW-{i:06d}" for i in range(16) if f"ROW-{i:06d}" in json.dumps(provider.bodies[-1])]
        if fault == "rate" and attempt > 1:
            return None  # a limit passes; the pacer would rightly go slower and slower before one that never does
        return fault if bad in rows and (len(rows) > 1 or fault in ("malformed", "request")) else None

    provider.script = script
    df = frame(16)
    job = df.reason.augment(schema, teacher=provider.chat, pack=8, concurrency=1, max_retries=1).wait()
    others = [i for i in range(16) if i != 3]
    check(df, others)
    if fault in ("malformed", "request"):
        assert df["reasoning_status"][3] == "error" and job.status is Status.PARTIAL
    else:
        check(df, [3])


def test_one_bad_row_in_a_pack_goes_alone(provider, schema):
    from tests.servers import dialects

    def answer(asked):
        whole = json.loads(dialects.answer(asked, None))
        if "row_2" in whole:
            whole["row_2"]["score"] = 99
            del whole["row_4"]
        return json.dumps(whole)

    provider.answer = answer
    df = frame(4)
    df.reason.augment(schema, teacher=provider.chat, pack=4, concurrency=1).wait()
    check(df)
    assert provider.requests == 3


def test_long_rows_and_half_answered_rows_go_alone(provider, schema):
    df = frame(6)
    df.loc[2, "prompt"] += " very" * 1000
    df.reason.augment(schema, teacher=provider.chat, pack=6, concurrency=1).wait()
    check(df)
    assert provider.requests == 2


def test_packing_is_for_fields(schema, provider):
    with pytest.raises(rb.ReasonbookError, match="Packing works for fields"):
        frame(2).reason.augment(schema, teacher=provider.chat, pack=4, method="native")
    with pytest.raises(rb.ReasonbookError, match="one by one"):
        frame(2).reason.augment(schema, teacher=lambda request: {}, pack=4)
