"""What a provider may do wrong, and what becomes of the row: no value is ever silently wrong."""

import json

import pytest

import reasonbook as rb
from reasonbook.job import Status
from tests.augment.conftest import check, frame
from tests.augment.test_live import teachers
from tests.walks import walk

ONE = "ROW-000001"


def at(fault, *, attempts=1, row=ONE):
    return lambda name, attempt: fault if name == row and attempt <= attempts else None


@pytest.mark.parametrize("dialect", walk(["chat", "responses", "messages"], fast=["chat"]))
@pytest.mark.parametrize("fault", ["malformed", "cut", "refuse", "wrong"])
def test_one_bad_answer_is_asked_again_with_the_error_in_sight(provider, schema, dialect, fault):
    provider.script = at(fault)
    df = frame(3)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], concurrency=1).wait()
    assert job.status is Status.COMPLETED and provider.requests == 4
    check(df)
    body = next(b for b in provider.bodies if ONE in json.dumps(b) and "cannot be used" in json.dumps(b))
    turns = body.get("messages") or body["input"]
    assert [turn["role"] for turn in turns][-3:] == ["user", "assistant", "user"]
    assert job.usage.calls == 4  # the bad one is paid for too, and said


@pytest.mark.parametrize("dialect", walk(["chat", "responses", "messages"], fast=["chat"]))
@pytest.mark.parametrize(
    "fault, words",
    [
        ("malformed", "no complete JSON"),
        ("cut", "cut at the token limit"),
        ("refuse", "refused: I cannot help"),
        ("wrong", "`unasked` is not asked for"),
    ],
)
def test_a_lasting_bad_answer_is_a_row_with_its_reason(provider, schema, dialect, fault, words):
    provider.script = at(fault, attempts=99)
    df = frame(3)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    assert job.status is Status.PARTIAL
    check(df, [0, 2])
    assert df["reasoning_status"].tolist() == ["ok", "error", "ok"] and df["reasoning"][1] is None
    assert words in df["reasoning_error"][1]
    [error] = job.errors.to_dict("records")
    assert error["position"] == 1 and words in error["error"] and error["text"]
    assert error["input_tokens"] == 240 and error["output_tokens"] == 80  # both asks
    assert provider.requests == 4, "one re-ask, no more"


@pytest.mark.parametrize("fault", ["fenced", "in_reasoning"])
def test_json_is_found_in_prose_and_in_the_thinking(provider, schema, fault):
    provider.script = at(fault, attempts=99)
    df = frame(2)
    df.reason.augment(schema, teacher=provider.chat).wait()
    check(df)
    assert provider.requests == 2


@pytest.mark.parametrize(
    "values, words",
    [
        ({"urgency": "highest"}, "`urgency` must be one of"),
        ({"score": 11}, "`score` must be at most 10"),
        ({"score": "seven"}, "`score`"),
        ({"customer_intent": ""}, "`customer_intent`"),
        ({"customer_intent": None}, "`customer_intent`"),
        ({"urgency": None, "extra": 1}, "`urgency` is missing"),
        ({"customer_intent": {"a": 1}}, "`customer_intent`"),
        ({"urgency": None}, "`urgency`"),
        ({"score": True}, "`score`"),
        ({"score": float("nan")}, ""),
    ],
)
def test_values_that_do_not_fit_are_never_written(provider, schema, values, words):
    schema.update("Customer Intent", required=True).update("Urgency", required=True)
    right = {"customer_intent": "a", "urgency": "low", "score": 3}
    right[next(k for k in schema.keys.values() if k not in right)] = "b"
    provider.answer = lambda asked: json.dumps(right | values)
    df = frame(1)
    job = df.reason.augment(schema, teacher=provider.chat)
    with pytest.raises(rb.ReasonbookError, match="No row got its reasoning"):
        job.wait()
    assert df["reasoning_status"][0] == "error" and words in df["reasoning_error"][0]
    assert df["reasoning"][0] is None if "reasoning" in df else True


def test_a_missing_key_is_named(provider, schema):
    provider.answer = lambda asked: json.dumps({"customer_intent": "a", "urgency": "low", "score": 3})
    df = frame(1)
    with pytest.raises(rb.ReasonbookError, match="is missing"):
        df.reason.augment(schema, teacher=provider.chat).wait()


def test_a_key_that_stands_twice_is_not_taken(provider, schema):
    key = next(k for k in schema.keys.values() if k.startswith("stimmung"))
    provider.answer = lambda asked: (
        f'{{"customer_intent": "a", "customer_intent": "b", "{key}": "c", "urgency": "low", "score": 3}}'
    )
    df = frame(1)
    with pytest.raises(rb.ReasonbookError, match="twice"):
        df.reason.augment(schema, teacher=provider.chat).wait()


def test_field_order_is_the_schemas(provider, schema):
    keys = list(schema.keys.values())
    values = dict(zip(keys, ["a", "b", "low", 3], strict=True))
    provider.answer = lambda asked: json.dumps(dict(reversed(values.items())))
    df = frame(1)
    df.reason.augment(schema, teacher=provider.chat).wait()
    assert list(df["reasoning"][0]) == list(schema.names)


@pytest.mark.parametrize(
    "fault", walk(["rate", "server", "overloaded", "reset", "html", "hang"], fast=["server"])
)
def test_what_passes_is_tried_again(provider, schema, fault):
    provider.retry_after = 0.1
    provider.script = at(fault)
    df = frame(5)
    job = df.reason.augment(schema, teacher=provider.chat, timeout=2.0).wait()
    assert job.status is Status.COMPLETED
    check(df)
    assert sum(provider.paid.values()) == 5 and provider.attempts[ONE] == 2


@pytest.mark.slow
def test_an_outage_that_stays_is_a_row_error_and_retry_takes_only_that_row(provider, schema):
    provider.script = at("server", attempts=99)
    df = frame(4)
    job = df.reason.augment(schema, teacher=provider.chat, max_retries=1).wait()
    assert job.status is Status.PARTIAL and "Internal error" in df["reasoning_error"][1]
    before, provider.script = provider.requests, None
    job.retry().wait()
    assert provider.requests - before == 1 and job.status is Status.COMPLETED
    check(df)
    assert len(job.errors) == 0
    with pytest.raises(rb.ReasonbookError, match="no row with an error"):
        job.retry()


@pytest.mark.parametrize("dialect", walk(["chat", "responses", "messages"], fast=["chat"]))
@pytest.mark.parametrize("fault, words", [("auth", "refused the API key"), ("quota", "no more answers")])
def test_key_and_quota_end_the_job_at_once_with_one_sentence(provider, schema, dialect, fault, words):
    provider.latency = 0.005
    provider.script = lambda row, attempt: fault if int(row[4:]) >= 50 else None
    df = frame(2000)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], concurrency=8)
    with pytest.raises(rb.ReasonbookError, match=words):
        job.wait()
    assert job.status is Status.FAILED and provider.requests < 50 + 3 * 8
    assert (df["reasoning_status"] == "ok").sum() >= 40  # what was paid for is in the frame


def test_a_request_that_is_refused_costs_its_row_only(provider, schema):
    provider.script = at("request", attempts=99)
    df = frame(4)
    df.reason.augment(schema, teacher=provider.chat).wait()
    assert "too long" in df["reasoning_error"][1] and provider.attempts[ONE] == 1
    check(df, [0, 2, 3])


def test_a_teacher_that_refuses_everything_ends_early(provider, schema):
    provider.script = lambda row, attempt: "request"
    df = frame(500)
    with pytest.raises(rb.ReasonbookError, match="refuses every request"):
        df.reason.augment(schema, teacher=provider.chat, concurrency=4).wait()
    assert provider.requests < 40


@pytest.mark.slow
def test_an_address_where_nobody_answers_ends_early(schema, fast):
    df = frame(500)
    job = df.reason.augment(schema, teacher="openai:m@http://127.0.0.1:9/v1", concurrency=16)
    with pytest.raises(rb.ReasonbookError, match="cannot be reached"):
        job.wait(timeout=20)


@pytest.mark.slow
def test_answers_of_a_range_of_faults_are_all_right(provider, schema):
    from tests.servers.faults import Chances

    provider.retry_after = 0.2
    provider.script = Chances(rate=0.1, server=0.05, malformed=0.05, hang=0.01, seed=3)
    df = frame(300)
    job = df.reason.augment(schema, teacher=provider.chat, timeout=4.0, concurrency=32).wait()
    assert job.status is Status.COMPLETED
    check(df)
    assert provider.requests <= 1.1 * (
        300 + sum(1 for a in provider.attempts.values() if a > 1) + provider.statuses[429]
    )
