"""Whatever a provider sends with status 200 becomes a completion or an error of the right kind, and nothing else."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reasonbook as rb
from reasonbook.augment.answers import AnswerReader, InvalidAnswerError
from reasonbook.augment.methods import METHODS
from reasonbook.augment.results import RowError
from reasonbook.teachers import CallError, Completion, Usage
from reasonbook.teachers.anthropic import Anthropic
from reasonbook.teachers.batches import _lines, batch_api
from reasonbook.teachers.hosted.answer_body import decode
from reasonbook.teachers.hosted.call_errors import call_error
from reasonbook.teachers.hosted.chat_answer import CHAT
from reasonbook.teachers.hosted.messages_answer import MESSAGES
from reasonbook.teachers.hosted.responses_answer import RESPONSES
from reasonbook.teachers.openai import OpenAI
from reasonbook.teachers.teacher import CallErrorKind
from tests.servers.dialects import Said, write
from tests.servers.hostile import DIALECTS, Hostile, as_stream, dumped, streamed, tool_call
from tests.walks import walk

PROTOCOLS = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}
KINDS = get_args(CallErrorKind)
SCHEMA = rb.Schema(
    [
        rb.Field("Intent", "What is wanted."),
        rb.Field("Urgency", "How soon.", type="choice", options=("low", "high")),
        rb.Field("Score", "From 0 to 10.", type="number", minimum=0, maximum=10),
        rb.Field("Angry", "Whether.", type="boolean"),
        rb.Field("Steps", "What to do.", type="list"),
        rb.Field("Note", "What else.", optional=True),
    ]
)
RIGHT = {"intent": "a refund", "urgency": "low", "score": 7, "angry": False, "steps": ["look"], "note": None}
READERS = [AnswerReader(SCHEMA, METHODS[name]) for name in ("extract", "native", "chain_of_thought")]


def judged(dialect: str, raw: bytes) -> str:
    """What becomes of a body, from its bytes to the values; raises where that is none of the right things."""
    try:
        completion = decode(raw, PROTOCOLS[dialect])
    except CallError as error:
        assert error.kind in KINDS and error.usage.calls == 1
        assert error.message.isprintable() and len(error.message) <= 400
        sound_usage(error.usage)
        storable(RowError(error.message, error.text))
        return error.kind
    sound_usage(completion.usage)
    assert completion.stop_reason in ("stop", "length", "refusal", "filter")
    storable(RowError("", completion.text)), storable(RowError("", completion.reasoning))
    outcome = ""
    for reader in READERS:
        try:
            values = reader.values(completion, tuple(SCHEMA.names))
        except InvalidAnswerError as error:
            storable(RowError(str(error)))
            assert len(str(error)) < 2_000
            outcome = outcome or "refused with a reason"
        else:
            storable(values)
            outcome = outcome or "values"
            if reader is READERS[0]:
                assert SCHEMA.read(values) == values, "what is written would be taken again"
    return outcome


def sound_usage(usage: Usage) -> None:
    counts = {name: number for name, number in vars(usage).items() if name != "dollars"}
    assert all(type(number) is int and 0 <= number <= 3 * 10**8 for number in counts.values())
    assert usage.dollars is None or 0 <= usage.dollars < math.inf


def storable(value: object) -> None:
    value = vars(value) | {"usage": None} if isinstance(value, RowError) else value
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_hostile_bodies(dialect):
    hostile = Hostile(dialect, SCHEMA.json_schema())
    seen = {judged(dialect, hostile.body()) for _ in range(1000)}
    assert {"values", "refused with a reason", "output", "rate", "server", "auth", "request"} <= seen


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=200), dialect=st.sampled_from(DIALECTS))
def test_any_bytes(raw, dialect):
    judged(dialect, raw)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hostile_lines_of_a_batch(dialect):
    teacher = Anthropic("m", api_key="k") if dialect == "messages" else OpenAI("m", api=dialect, api_key="k")
    api, hostile, read = batch_api(teacher), Hostile(dialect, SCHEMA.json_schema()), 0
    for _ in range(300):
        answer = hostile.answer()
        line = {"custom_id": "a", "response": {"status_code": 200, "body": answer}, "error": None}
        if dialect == "messages":
            line = {"custom_id": "a", "result": {"type": "succeeded", "message": answer}}
        raw = dumped(hostile.mutated(line)) if hostile.random.random() < 0.7 else hostile.body()
        for name, told in _lines(b"\n" + raw + b"\nodd\n"):
            result = api._result(told)
            assert name and (isinstance(result, (Completion, CallError)) or result in ("expired", "canceled"))
            read += isinstance(result, Completion)
    assert 50 < read < 250


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "7", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*RIGHT, "extra", "Intent"]), json_values, max_size=3))
def test_any_values_are_taken_as_they_are_meant_or_refused(changes):
    values = {**RIGHT, **changes}
    for completion in (Completion(json.dumps(values)), Completion("", data=values)):
        try:
            taken = READERS[0].values(completion, tuple(SCHEMA.names))
        except InvalidAnswerError as error:
            assert str(error)
        else:
            storable(taken)
            assert list(taken) == list(SCHEMA.names) and SCHEMA.read(taken) == taken


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_that_holds_a_whole_answer_is_read(dialect, size):
    answer = write(dialect, Said(json.dumps(RIGHT), "A thought."), "reasoning_content")
    raw = as_stream(streamed(dialect, answer, size))
    told = decode(raw, PROTOCOLS[dialect])
    plain = decode(dumped(answer), PROTOCOLS[dialect])
    assert (told.text, told.reasoning, told.stop_reason) == (plain.text, plain.reasoning, "stop")
    assert (told.usage.input, told.usage.output) == (120, 40)
    assert decode(raw.replace(b"\n", b"\r\n"), PROTOCOLS[dialect]) == told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_with_a_hole_or_without_an_end_is_no_answer(dialect):
    events = streamed(dialect, write(dialect, Said(json.dumps(RIGHT)), "reasoning"), 7)
    for raw, words in (
        (as_stream(events[: len(events) // 2]), "ends before its answer does"),
        (as_stream(events, broken=True), "a part is not JSON"),
    ):
        with pytest.raises(CallError, match=words) as caught:
            decode(raw, PROTOCOLS[dialect])
        assert caught.value.kind == "output" and caught.value.usage.calls == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_right_object_in_a_tool_call_is_used(dialect):
    answer = write(dialect, Said(""), "reasoning")
    for arguments in (json.dumps(RIGHT), RIGHT):
        completion = decode(dumped(tool_call(dialect, answer, arguments)), PROTOCOLS[dialect])
        assert READERS[0].values(completion, tuple(SCHEMA.names))["Score"] == 7
        assert completion.usage.output == 40


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "error, kind",
    [
        ({"code": 429, "message": "slow"}, "rate"),
        ({"code": "429"}, "rate"),
        ({"type": "rate_limit_error", "message": "slow"}, "rate"),
        ({"status": "RESOURCE_EXHAUSTED"}, "rate"),
        ({"type": "overloaded_error", "message": "Overloaded"}, "server"),
        ({"code": 502, "message": "Upstream"}, "server"),
        ({"code": "server_error"}, "server"),
        ({"message": "Rate limit reached for requests"}, "rate"),
        ({"code": 402, "message": "Insufficient credits"}, "quota"),
        ({"code": "insufficient_quota"}, "quota"),
        ({"code": 401, "message": "No auth"}, "auth"),
        ({"code": "invalid_api_key"}, "auth"),
        ({"code": "invalid_request_error", "message": "too long"}, "request"),
        ({"message": "something odd"}, "output"),
        ("something odd", "output"),
        ({"code": "moderated", "message": "your text on billing and unauthorized use"}, "output"),
    ],
)
def test_an_error_inside_is_of_the_kind_that_it_names(dialect, error, kind):
    for body in ({"type": "error", "error": error}, [{"type": "error", "error": error}]):
        with pytest.raises(CallError) as caught:
            decode(dumped(body), PROTOCOLS[dialect])
        assert caught.value.kind == kind and caught.value.usage.calls == 1


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "is empty: nothing"),
        (b"<html><h1>Hello</h1>", "is a web page: <html><h1>Hello</h1>"),
        (b"Internal\nproblem \x1b[31m", r"is not JSON: Internal problem \x1b[31m"),
        (b'{"choices": "\xff"}', r"is not valid UTF-8: "),
        (b"[" * 9_999, "is nested too deep: [[["),
        (b"[1, 2]", "is not an object: [1, 2]"),
        (b'{"id": "x", "choices": []}', 'holds no choice: {"id": "x", "choices": []}'),
        (b'{"choices": [{"text": "a"}]}', "holds a choice without a message"),
    ],
)
def test_the_words_say_what_came(raw, words):
    with pytest.raises(CallError) as caught:
        decode(raw, CHAT)
    assert words in caught.value.message and caught.value.kind == "output"


def test_a_list_of_one_answer_is_that_answer():
    answer = write("chat", Said("hello"), "reasoning")
    assert decode(dumped([answer]), CHAT).text == "hello"


@pytest.mark.parametrize(
    "told, counted",
    [
        (12, 12),
        ("12", 12),
        (12.0, 12),
        (-3, 0),
        ("many", 0),
        (None, 0),
        (1e300, 0),
        (10**30, 0),
        (True, 0),
        ([], 0),
    ],
)
def test_usage_that_is_no_number_counts_nothing(told, counted):
    answer = write("chat", Said("hello"), "reasoning")
    answer["usage"] = {"prompt_tokens": told, "completion_tokens": 5, "prompt_tokens_details": told}
    usage = decode(dumped(answer), CHAT).usage
    assert (usage.input, usage.output, usage.calls) == (counted, 5, 1)


@pytest.mark.parametrize(
    "raw", [DEEP := b"[" * 900 + b"]" * 900, b'{"error": ' + DEEP + b"}", b"\xff", b"[]", b"null"]
)
@pytest.mark.parametrize("after", ["nan", "inf", "1e999", "soon", "Fri, 31 Dec 9999 23:59:59 -2359", "-5"])
def test_any_body_of_another_status(raw, after):
    from reasonbook.teachers.json_access import parsed

    try:
        body = parsed(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")
    error = call_error(429, {"retry-after": after, "x-ratelimit-limit-requests": after}, body)
    assert error.kind == "rate" and len(error.message) <= 400
    assert error.retry_after is None or 0 <= error.retry_after < 1e12


@pytest.mark.parametrize(
    "change, value",
    [
        ({"score": "7"}, 7),
        ({"score": " 7.5 "}, 7.5),
        ({"score": "1e1"}, 10),
        ({"angry": "True"}, True),
        ({"extra": "dropped", "another": 1}, "a refund"),
        ({"intent": "smile \ud83d\ude00"}, "smile 😀"),
    ],
)
def test_what_can_only_be_meant_in_one_way_is_taken(change, value):
    text = json.dumps({**RIGHT, **change})
    values = READERS[0].values(Completion(text), tuple(SCHEMA.names))
    assert value in values.values()


@pytest.mark.parametrize(
    "change, words",
    [
        ('"score": "7 days"', "must be a number, not '7 days'"),
        ('"score": "1,000"', "must be a number"),
        ('"score": "07"', "must be a number"),
        ('"score": NaN', "must be a finite number, not nan"),
        ('"score": Infinity', "must be a finite number, not inf"),
        ('"score": 1e999', "must be a finite number, not inf"),
        ('"score": 1' + "0" * 400, "must be a finite number"),
        ('"intent": "half \\ud800"', r"holds half a character (\ud800)"),
        ('"intent": "\\u200b\\ufeff"', "holds nothing that can be seen"),
        ('"intent": null, "intnt": "a refund"', "`intnt` is not asked for"),
        ('"steps": ["\\udfff"]', r"half a character (\udfff)"),
    ],
)
def test_what_would_be_silently_wrong_is_refused_in_words(change, words):
    text = json.dumps(RIGHT)[:-1] + "," + change + "}"
    key = change.split('"')[1]
    text = text.replace(f'"{key}": {json.dumps(RIGHT[key])}, ', "", 1)
    with pytest.raises(InvalidAnswerError) as caught:
        READERS[0].values(Completion(text), tuple(SCHEMA.names))
    assert words in str(caught.value)


def test_a_misspelt_optional_field_is_not_dropped():
    values = {key: value for key, value in RIGHT.items() if key != "note"} | {"notes": "a long story"}
    with pytest.raises(InvalidAnswerError, match="`notes` is not asked for"):
        READERS[0].values(Completion(json.dumps(values)), tuple(SCHEMA.names))


@pytest.mark.slow
def test_long_answers_without_an_object_take_no_time():
    import time

    for text in ("```json" + " " * 300_000, "{" * 300_000, "`" * 300_000, '{"a":' * 60_000, '"{' * 150_000):
        began = time.thread_time()
        with pytest.raises(InvalidAnswerError):
            READERS[0].values(Completion(text), tuple(SCHEMA.names))
        assert time.thread_time() - began < 1.0, text[:8]
