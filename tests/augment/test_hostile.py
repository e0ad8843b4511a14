"""Hostile answers, end to end: no answer ends a job, loses a neighbour's, or is paid for more than twice."""

from __future__ import annotations

import asyncio
import datetime
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.augment import augment_dataset
from reasonbook.augment.engine.store_writer import StoreWriter, put_calls
from reasonbook.errors import StoreError
from reasonbook.job import Status
from reasonbook.store import Call, Store, default_store
from reasonbook.teachers import CallError, Capabilities, Completion, Request, Usage
from reasonbook.teachers.ask import ask
from reasonbook.teachers.hosted.answer_body import decode
from reasonbook.teachers.hosted.http import HttpClient
from tests.augment.conftest import check, fields, frame
from tests.augment.test_live import teachers
from tests.servers.hostile import DIALECTS, Hostile, as_stream, dumped, streamed, tool_call
from tests.servers.provider import KEY
from tests.teachers.test_decoding import PROTOCOLS
from tests.walks import walk

# What a provider makes of a good answer: (dialect, answer, its text) → bytes; then whether it can be used, how many
# tokens it tells of (part of 120), and what the row says.
TEXT = {"chat": ("choices", 0, "message", "content"), "responses": ("output", -1, "content", 0, "text"),
        "messages": ("content", -1, "text")}  # fmt: skip


def with_text(dialect, answer, change):
    *path, last = TEXT[dialect]
    place = answer
    for step in path:
        place = place[step]
    place[last] = change(place[last])
    return dumped(answer)


def in_a_tool_call(dialect, answer):
    texts = []
    with_text(dialect, answer, texts.append)
    return dumped(tool_call(dialect, answer, texts[0]))


def with_value(dialect, answer, key, value):
    def change(text):
        return dumped(json.loads(text) | {key: value}).decode()

    return with_text(dialect, answer, change)


def without_answer(dialect, answer):
    whole = {"chat": {"choices": []}, "responses": {"output": None}, "messages": {"content": None}}
    return dumped(answer | whole[dialect])


def in_quotes(text):
    return text.replace('"score":', '"score":"').replace("}", '"}')


HALF = r"half a character (\ud800)"
SPOILERS = {
    "list": (lambda d, a: dumped([a, a]), False, 0, "is not an object: [{"),
    "nothing": (without_answer, False, 1, "the provider's answer holds no "),
    "bad UTF-8": (lambda d, a: dumped(a)[:-1] + b'\xff"}', False, 0, "is not valid UTF-8"),
    "page": (lambda d, a: b"<html>Please log in</html>", False, 0, "is a web page: <html>Please log in"),
    "half a stream": (lambda d, a: as_stream(streamed(d, a)[:-3]), False, None, "ends before its answer does"),
    "deep": (lambda d, a: b"[" * 99_999, False, 0, "is nested too deep: [[["),
    "odd error": (lambda d, a: b'{"type": "error", "error": "oops"}', False, 0, "oops"),
    "half a character": (lambda d, a: with_value(d, a, "customer_intent", "\ud800"), False, 1, HALF),
    "infinity": (lambda d, a: with_value(d, a, "score", float("inf")), False, 1, "a finite number, not inf"),
    "zero width": (lambda d, a: with_value(d, a, "customer_intent", "\u200b"), False, 1, "nothing that can be seen"),
    "half in the text": (lambda d, a: with_text(d, a, lambda t: "\ud800"), False, 1, r"JSON object: \ud800"),
    "stream": (lambda d, a: as_stream(streamed(d, a)), True, 1, ""),
    "tool call": (in_a_tool_call, True, 1, ""),
    "quoted number": (lambda d, a: with_text(d, a, in_quotes), True, 1, ""),
    "extra key": (lambda d, a: with_value(d, a, "mood", "good"), True, 1, ""),
    "odd usage": (lambda d, a: dumped(a | {"usage": {"input_tokens": "many", "prompt_tokens": -5}}), True, 0, ""),
}  # fmt: skip
NAMES = [*SPOILERS, "good", "good too"]


def name_of(row: str) -> str:
    return NAMES[int(row[4:]) % len(NAMES)]


def spoil(dialect: str, row: str, attempt: int, raw: bytes) -> bytes | None:
    if name_of(row) not in SPOILERS:
        return None
    return SPOILERS[name_of(row)][0](dialect, json.loads(raw))


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_every_kind_of_odd_answer_costs_its_row_only(provider, schema, dialect):
    provider.spoil = spoil
    df = frame(3 * len(NAMES))
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], concurrency=8).wait()
    assert job.status is Status.PARTIAL
    names = [name_of(prompt) for prompt in df["prompt"].str[:10]]
    right = [i for i, name in enumerate(names) if name not in SPOILERS or SPOILERS[name][1]]
    check(df, right)
    calls = tokens = 0
    for i, name in enumerate(names):
        _, usable, told, words = SPOILERS.get(name, (None, True, 1, ""))
        if not usable:
            assert df["reasoning_status"][i] == "error" and words in df["reasoning_error"][i], name
        times = 1 if usable else 2
        assert provider.attempts[f"ROW-{i:06d}"] == times, f"{name}: asked at most twice"
        calls += times
        tokens += times * 120 * (told if told is not None else dialect == "messages")
    assert job.usage.calls == calls == provider.statuses[200] and job.usage.input == tokens
    stored = default_store().query("SELECT usage FROM calls")
    assert sum(json.loads(usage)["input"] for (usage,) in stored) == tokens and len(stored) == calls

    provider.clear()
    provider.spoil = None
    df.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    assert provider.requests == len(df) - len(right), "the rest is paid for, and nothing else"
    check(df)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_random_hostile_answers_end_no_job(provider, schema, dialect):
    hostile, spoilt = Hostile(dialect, schema.json_schema(), seed=5), set()

    def body(dialect, row, attempt, raw):
        if int(row[4:]) % 3:
            return None
        spoilt.add(int(row[4:]))
        while True:
            raw = hostile.body()
            try:
                decode(raw, PROTOCOLS[dialect])
            except CallError as error:  # those are asked again for minutes, or rightly end the job
                if error.kind in ("auth", "quota", "rate", "server"):
                    continue
            return raw

    provider.spoil = body
    df = frame(240)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], concurrency=16).wait()
    check(df, [i for i in range(240) if i not in spoilt])
    assert job.usage.calls == provider.statuses[200] and max(provider.attempts.values()) <= 2
    failed = (df["reasoning_status"] == "error").sum()
    assert len(spoilt) == 80 and 40 < failed <= 80 and len(job.errors) == failed
    job.errors.to_json(), df.to_json()
    provider.clear()
    provider.spoil = None
    df.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    assert provider.requests == failed and (df["reasoning_status"] == "ok").all()


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_lines_of_a_batch_that_cannot_be_read_cost_their_rows_only(provider, schema, dialect):
    def spoil(content):
        lines = content.split(b"\n")
        for number, odd in ((1, b"\xff\xfe"), (2, b"[]"), (3, b'{"custom_id": 7}'), (4, b'{"custom_id": [')):
            if number < len(lines):
                lines[number] = odd
        for number, old, new in ((5, b'"usage":{', b'"usage":[{'), (6, b"_tokens", b"\\ud800_tokens")):
            if number < len(lines):
                lines[number] = lines[number].replace(old, new)
        if len(lines) > 7:
            name = json.loads(lines[7])["custom_id"]
            odd = {
                "custom_id": name,
                "response": {"status_code": "odd", "body": [1]},
                "result": {"type": ["x"]},
            }
            lines[7] = json.dumps(odd).encode()
        return b"\n".join(lines)

    provider.batches.spoil = spoil
    df = frame(20)
    df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    assert max(provider.paid.values()) <= 2
    ok = [i for i in range(20) if df["reasoning_status"][i] == "ok"]
    assert len(ok) >= 15
    check(df, ok)
    provider.batches.spoil = lambda content: content
    df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    check(df)


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_an_error_inside_is_waited_for_or_ends_the_job_as_its_code_says(provider, schema, dialect):
    codes = {1: 429, 2: "overloaded_error", 3: 503}

    def busy(dialect, row, attempt, raw):
        error = {"type": "error", "error": {"code": codes.get(int(row[4:])), "message": "later"}}
        return dumped(error) if attempt == 1 and int(row[4:]) in codes else None

    provider.spoil = busy
    df = frame(6)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    check(df)
    assert provider.requests == 9 == job.usage.calls
    provider.spoil = lambda *_: dumped(
        {"type": "error", "error": {"code": 401, "message": f"{KEY} is wrong"}}
    )
    job = frame(100, start=50).reason.augment(schema, teacher=teachers(provider)[dialect], concurrency=2)
    with pytest.raises(rb.ReasonbookError, match=r"refused the API key: \[key\] is wrong"):
        job.wait()
    assert provider.requests <= 9 + 4


def test_rows_in_one_call_come_apart_when_their_answer_cannot_be_read(provider, schema):
    provider.spoil = lambda dialect, row, attempt, raw: b"\xff" if b"ROW-000005" in raw else None
    df = frame(16)
    df.reason.augment(schema, teacher=provider.chat, pack=8, concurrency=2).wait()
    check(df, [i for i in range(16) if i != 5])
    assert "is not valid UTF-8" in df["reasoning_error"][5]


def test_a_question_outside_a_job_is_asked_at_most_twice(provider):
    store = default_store()

    def asked(key):
        teacher = teachers(provider)["chat"]

        async def main():
            try:
                request = Request("", "ROW-000001", timeout=5.0)
                return await ask(teacher, request, lambda c: c.text, store=store, key=key, purpose="judge")
            finally:
                await teacher.close()

        return asyncio.run(main())

    provider.spoil = lambda dialect, row, attempt, raw: b"[]" if attempt == 1 else None
    assert asked("one") == "A thought about ROW-000001." and provider.requests == 2
    provider.clear()
    provider.spoil = lambda dialect, row, attempt, raw: b"[]"
    with pytest.raises(CallError, match="is not an object"):
        asked("two")
    assert provider.requests == 2
    assert store.query("SELECT count(*), sum(problem != '') FROM calls") == [(4, 3)]


SCHEMA = rb.Schema({"Length": {"instruction": "How long?", "type": "number"}, "Text": "The text."})


class Evil:
    """An object that raises whatever is done with it."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __str__(self):
        raise RuntimeError("no str")

    def __eq__(self, other):
        raise RuntimeError("no eq")

    __hash__ = None


def circle():
    inner: list = []
    inner.append(inner)
    return inner


def deep():
    inner: list = []
    for _ in range(5_000):
        inner = [inner]
    return inner


def raises(error):
    raise error


ODD_RETURNS = {
    "half": (lambda: {"Length": 1, "Text": "\ud800"}, "half a character"),
    "bytes": (lambda: {"Length": 1, "Text": b"x"}, "must be a text, not b'x'"),
    "date": (
        lambda: {"Length": datetime.date(2020, 1, 1), "Text": "x"},
        "must be a number, not datetime.date",
    ),
    "evil": (lambda: {"Length": Evil(), "Text": "x"}, "no repr"),
    "evil text": (lambda: {"Length": 1, "Text": [Evil()]}, "no repr"),
    "circle": (lambda: {"Length": 1, "Text": circle()}, "RecursionError"),
    "deep": (lambda: {"Length": 1, "Text": deep()}, "RecursionError"),
    "huge": (lambda: {"Length": 10**400, "Text": "x"}, "must be a finite number"),
    "infinite": (lambda: {"Length": float("inf"), "Text": "x"}, "must be a finite number, not inf"),
    "exact": (lambda: {"Length": 2**60 + 1, "Text": "x"}, "more digits than a number can hold"),
    "none": (lambda: None, "the function returned NoneType"),
    "array": (lambda: np.zeros(3), "the function returned ndarray"),
    "stop": (lambda: raises(StopIteration()), "StopIteration"),
    "exit": (lambda: raises(SystemExit(3)), "SystemExit"),
    "words": (lambda: raises(ValueError("bad \ud800 \x1b[1m")), r"ValueError: bad \ud800 \x1b[1m"),
    "mute": (
        lambda: raises(type("Mute", (Exception,), {"__str__": lambda self: raises(OSError())})()),
        "Mute",
    ),
    "cancelled": (lambda: raises(asyncio.CancelledError()), "ancelled"),
}


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_whatever_a_function_returns_or_raises_is_its_rows(later):
    names = [*ODD_RETURNS, *["good"] * 5] * 3

    def teacher(request):
        name = names[int(request)]
        return ODD_RETURNS[name][0]() if name in ODD_RETURNS else {"Length": int(request), "Text": request}

    async def asked(request):
        await asyncio.sleep(0)
        return teacher(request)

    df = pd.DataFrame({"prompt": [str(i) for i in range(len(names))], "response": "r"})
    job = df.reason.augment(SCHEMA, teacher=asked if later else teacher).wait(timeout=30)
    assert job.status is Status.PARTIAL
    for i, name in enumerate(names):
        if name in ODD_RETURNS:
            assert df["reasoning_status"][i] == "error", name
            assert ODD_RETURNS[name][1] in df["reasoning_error"][i], (name, df["reasoning_error"][i])
        else:
            assert df["reasoning"][i] == {"Length": i, "Text": str(i)}
    df["reasoning_error"].dropna().str.encode("utf-8")


class OddTeacher:
    """A teacher of the user's own, that breaks every promise of `Teacher`."""

    name, capabilities = "odd", Capabilities(free=True, samples_differ=False)

    async def complete(self, request):
        number = int(request.prompt)
        values = {"Length": number, "Text": request.prompt}
        return {
            0: lambda: None,
            1: lambda: Completion(None),
            2: lambda: Completion("", usage={"input": 1}),
            3: lambda: Completion("", usage=Usage(input="many"), data=values),
            4: lambda: Completion("", data=[1]),
            5: lambda: raises(ValueError("broken")),
            6: lambda: raises(asyncio.CancelledError()),
            7: lambda: raises(SystemExit()),
            8: lambda: Completion("", data=values, limits="none"),
            9: lambda: Completion("\ud800", "\ud801", data=values),
        }.get(number, lambda: Completion("", data=values))()

    async def close(self):
        pass


def test_a_teacher_of_ones_own_may_do_anything():
    df = pd.DataFrame({"prompt": [str(i) for i in range(30)], "response": "r"})
    job = df.reason.augment(SCHEMA, teacher=OddTeacher()).wait(timeout=30)
    assert job.status is Status.PARTIAL and df["reasoning_status"].tolist() == ["error"] * 9 + ["ok"] * 21
    words = ("returned None", "None as its text", "as its usage", "many as its usage", "as its data", "broken",
             "cancelled its own call", "SystemExit", "none as its limits")  # fmt: skip
    for i, word in enumerate(words):
        assert word in df["reasoning_error"][i]
    assert df["reasoning"][9] == {"Length": 9, "Text": "9"}


def test_odd_values_do_not_stop_a_dataset(tmp_path):
    def teacher(request):
        odd = {"100": 2**60, "101": 2**60 + 1, "102": 1e300}.get(request, 1)
        return {"Length": odd, "Text": "\ud800" if request == "7" else request}

    rows = pd.DataFrame({"prompt": [str(i) for i in range(300)], "response": "r"})
    rows.to_parquet(tmp_path / "rows.parquet")
    job = augment_dataset(
        tmp_path / "rows.parquet", tmp_path / "out", SCHEMA, teacher=teacher, rows=100
    ).wait()
    assert (job.progress.done, job.progress.failed) == (298, 2)
    made = pd.concat([pd.read_parquet(part) for part in sorted((tmp_path / "out").glob("part-*"))])
    assert made["reasoning_status"].tolist() == ["error" if i in (7, 101) else "ok" for i in range(300)]
    assert (
        made["reasoning"].iloc[100]["Length"] == 2**60
        and "half a character" in made["reasoning_error"].iloc[7]
    )


def test_rows_that_hold_half_a_character_are_asked_and_stay_what_they_are(provider, schema, tmp_path):
    df = frame(6).astype(object)
    df.loc[2, "prompt"] += " \ud83d"
    df.loc[3, "prompt"] += " \ud83d\ude00"
    df.reason.augment(schema, teacher=provider.chat, concurrency=1).wait()
    check(df)
    assert df["prompt"][2].endswith("\ud83d")
    sent = [body["messages"][-1]["content"] for body in provider.bodies]
    assert "what now? \\ud83d" in sent[2] and "what now? 😀" in sent[3]

    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"prompt": p, "response": "r"}) + "\n" for p in df["prompt"]))
    augment_dataset(file, tmp_path / "out", rb.Schema(fields()), teacher=provider.chat).wait()
    lines = (tmp_path / "out" / "part-00000-000000.jsonl").read_text().splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == json.loads(json.dumps(df["prompt"].tolist()))


def test_one_call_that_cannot_be_stored_loses_no_neighbour():
    store = default_store()
    calls = [Call("t", "x", {f"key{i}": i}, usage={"input": 5}) for i in range(20)]
    calls[7] = Call("t", "half \ud800", {"key7": 7}, usage={"input": 5})
    calls[8] = Call("t", "x", {"key8": circle()}, usage={"input": 5})

    async def main():
        writer = StoreWriter(store)
        said = await asyncio.gather(*(writer.write(call) for call in calls))
        await writer.close()
        return said

    said = asyncio.run(main())
    assert [i for i, why in enumerate(said) if why] == [7, 8] and "cannot be stored" in said[7]
    assert sorted(store.answers(f"key{i}" for i in range(20)).values()) == sorted(set(range(20)) - {7, 8})
    problems = [problem for (problem,) in store.query("SELECT problem FROM calls WHERE problem != ''")]
    assert len(problems) == 2 and len(store.query("SELECT id FROM calls")) == 20, (
        "what it cost stays on record"
    )


def test_answers_that_come_turn_by_turn_are_one_group(monkeypatch):
    groups: list[int] = []
    monkeypatch.setattr(Store, "put", lambda self, calls: groups.append(len(calls)))

    async def main(under_way, turns):
        writer = StoreWriter(default_store(), lambda: under_way)

        async def answer(turn):
            for _ in range(turn):
                await asyncio.sleep(0)
            await writer.write(Call("t", "x"))

        await asyncio.gather(*(answer(turn) for turn in turns))
        await writer.close()

    asyncio.run(main(64, [turn for turn in range(10) for _ in range(2)]))
    assert groups == [20], "each turn brought more"
    groups.clear()
    asyncio.run(main(64, [0, 0, 5, 5]))
    assert groups == [2, 2], "nothing more came"
    groups.clear()
    asyncio.run(main(8, [turn for turn in range(8) for _ in range(2)]))
    assert max(groups) <= 6, "half of those under way are not waited for"


def test_a_store_that_cannot_be_written_is_nobodys_row():
    store = Store()
    store.put([Call("t", "x")])
    store._file._db.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match="cannot be written"):
        put_calls(store, [Call("t", "x"), Call("t", "half \ud800")])
    store._file._db.execute("PRAGMA query_only=OFF")
    assert sqlite3.connect(store.path).execute("SELECT count(*) FROM calls").fetchone() == (1,)


def test_a_budget_sees_answers_that_tell_of_no_tokens(provider, schema):
    each = (120 * 1.0 + 40 * 2.0) / 1e6
    provider.spoil = lambda dialect, row, attempt, raw: b"[]" if int(row[4:]) >= 5 else None
    df = frame(200)
    job = df.reason.augment(schema, teacher=provider.chat, budget=20 * each, price=(1.0, 2.0), concurrency=1)
    assert job.wait().status is Status.PARTIAL and provider.requests <= 22
    assert job.cost == pytest.approx(provider.requests * each)


def test_an_answer_without_end_is_cut_off(provider, schema, monkeypatch):
    monkeypatch.setattr(HttpClient, "longest", 1 << 20)
    provider.spoil = lambda dialect, row, attempt, raw: (
        raw + b" " * (4 << 20) if row == "ROW-000001" else None
    )
    df = frame(3)
    job = df.reason.augment(schema, teacher=provider.chat).wait()
    check(df, [0, 2])
    assert "longer than" in df["reasoning_error"][1] and job.usage.calls == 4 == provider.statuses[200]
