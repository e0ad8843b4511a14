"""Conversations of several assistant turns: each is asked, paid for once, and stands at its place in the cell."""

import json
import re
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.errors import ReasonbookError
from reasonbook.job import Status
from reasonbook.teachers.python import PythonTeacher
from tests.augment.conftest import fields
from tests.augment.talks import said, single, talk, talks, user
from tests.servers.answers import filled

OLD_STORE = Path(__file__).with_name("store_of_last_turns.sql")
INTENT = "Customer Intent"


@pytest.fixture
def turns(provider):
    """A provider whose model reads the newest message: a turn's answer bears the name of that very turn."""

    def answer(asked):
        records = re.split(r"(?:^|\n\n)row_\d+\n", asked.user)[1:]
        if not records:
            return json.dumps(filled(asked.schema, newest(asked.user)))
        pairs = zip(asked.schema["properties"].items(), records, strict=True)
        return json.dumps({key: filled(part, newest(text)) for (key, part), text in pairs})

    provider.answer = answer
    return provider


def newest(text: str) -> str:
    return re.findall(r"ROW-\d+", text)[-1]


def names(cell) -> list:
    """The turns that a cell's entries are of."""
    return [None if part is None else newest(part[INTENT]) for part in cell]


def of(*numbers: int) -> list[str]:
    return [f"ROW-{n:06d}" for n in numbers]


def test_every_assistant_turn_is_asked_with_what_stands_before_it(turns, schema):
    df = talks(talk(10), single(5), talk(20))
    job = df.reason.augment(schema, teacher=turns.chat).wait()
    assert job.status is Status.COMPLETED and turns.requests == 7
    assert [names(cell) for cell in df["reasoning"]] == [of(10, 11, 12), of(5), of(20, 21, 22)]
    assert df["reasoning_status"].tolist() == ["ok"] * 3 and df["reasoning_error"].isna().all()
    assert list(df["reasoning"][0][1]) == [field.name for field in fields()]
    progress = job.progress
    assert (progress.total, progress.done, progress.turns, progress.turns_done) == (3, 3, 7, 7)
    assert "7 of 7" in job._repr_html_()
    sent = {newest(body["messages"][-1]["content"]): str(body["messages"]) for body in turns.bodies}
    assert "ROW-000011" not in sent["ROW-000010"] and "stop 10" not in sent["ROW-000010"]
    assert "stop 10" in sent["ROW-000011"] and "find_order" not in sent["ROW-000011"]
    assert "find_order" in sent["ROW-000012"] and "order found" in sent["ROW-000012"]


def test_a_frame_of_single_turns_keeps_its_dicts(turns, schema):
    df = talks(single(1), single(2))
    job = df.reason.augment(schema, teacher=turns.chat).wait()
    assert [type(cell) for cell in df["reasoning"]] == [dict, dict]
    assert job.progress.turns == job.progress.total == 2 and "turns" not in job._repr_html_()


def test_the_last_turn_alone_by_option_and_then_the_others_for_their_own_price(turns, schema):
    df = talks(talk(10), single(5))
    job = df.reason.augment(schema, teacher=turns.chat, turns="last").wait()
    assert turns.requests == 2 and job.progress.turns == 2
    assert [newest(cell[INTENT]) for cell in df["reasoning"]] == of(12, 5)
    df.reason.augment(schema, teacher=turns.chat).wait()
    assert turns.requests == 4 and names(df["reasoning"][0]) == of(10, 11, 12)
    with pytest.raises(ReasonbookError, match="turns='every'"):
        df.reason.augment(schema, teacher=turns.chat, turns="every")


def test_equal_turns_are_asked_once_whatever_row_they_stand_in(turns, schema):
    df = talks(talk(10), talk(10)[:2], [*talk(10)[:3], said("ROW-000011")], talk(10))
    job = df.reason.augment(schema, teacher=turns.chat, concurrency=1).wait()
    assert turns.requests == 3 and job.usage.calls == 3
    expected = [of(10, 11, 12), of(10), of(10, 11), of(10, 11, 12)]
    assert [names(cell) for cell in df["reasoning"]] == expected


def test_rationalize_shows_the_calls_of_a_turn_that_only_calls_tools(turns, schema):
    df = talks(talk(10))
    df.reason.augment(schema, teacher=turns.chat, method="rationalize", concurrency=1).wait()
    shown = [body["messages"][-1]["content"].split("[response ")[1] for body in turns.bodies]
    assert "It is at stop 10." in shown[0] and "It is at stop 12." in shown[2]
    assert "find_order" in shown[1] and "000012" in shown[1] and "stop" not in shown[1]
    assert names(df["reasoning"][0]) == of(10, 11, 12)


def test_what_does_not_train_is_not_asked(turns, schema):
    unlearnt = [user("ROW-000001"), said("ROW-000001", weight=0), user("ROW-000002"), said("ROW-000002")]
    empty = [user("ROW-000003"), {"role": "assistant", "content": ""}, user("ROW-000004"), said("ROW-000004")]
    greeted = [{"role": "assistant", "content": "Hello!"}, *single(5)]
    last = [*single(6), user("ROW-000007"), said("ROW-000007", weight=0)]
    nothing = [user("ROW-000008"), said("ROW-000008", weight=0)]
    waiting = [*single(9), user("ROW-000010")]
    df = talks(unlearnt, empty, greeted, last, nothing, waiting)
    job = df.reason.augment(schema, teacher=turns.chat, concurrency=1).wait()
    assert turns.requests == 5 and job.progress.turns == 5
    cells = df["reasoning"].tolist()
    assert [names(cells[i]) for i in (0, 1, 2, 3, 5)] == [
        [None, *of(2)], [None, *of(4)], [None, *of(5)], [*of(6), None], [None, *of(10)]
    ]  # fmt: skip
    assert (
        cells[4] is None and df["reasoning_status"][4] == "invalid" and "weight 0" in df["reasoning_error"][4]
    )


def test_a_turn_that_brings_reasoning_is_asked_like_any_other_and_keeps_its_own_in_the_data(turns, schema):
    own = [user("ROW-000001"), said("ROW-000001", reasoning_content="I looked."), *single(2)]
    df = talks(own)
    df.reason.augment(schema, teacher=turns.chat).wait()
    assert names(df["reasoning"][0]) == of(1, 2)
    assert df["messages"][0][1]["reasoning_content"] == "I looked."
    assert "I looked." not in json.dumps(turns.bodies)


def test_a_turn_that_fails_is_named_the_others_stay_and_a_retry_asks_it_alone(turns, schema):
    def script(row, attempt):
        return "request" if newest(str(turns.bodies[-1]["messages"])) == "ROW-000011" else None

    turns.script = script
    df = talks(talk(10), single(5))
    job = df.reason.augment(schema, teacher=turns.chat, concurrency=1).wait()
    assert job.status is Status.PARTIAL and (job.progress.done, job.progress.failed) == (1, 1)
    assert names(df["reasoning"][0]) == [*of(10), None, *of(12)] and df["reasoning_status"][0] == "error"
    assert df["reasoning_error"][0].startswith("turn 2 of 3: ") and "turn 2 of 3" in job.errors["error"][0]
    turns.script, before = None, turns.requests
    job.retry().wait()
    assert turns.requests - before == 1 and job.status is Status.COMPLETED
    assert names(df["reasoning"][0]) == of(10, 11, 12) and names(df["reasoning"][1]) == of(5)
    assert df["reasoning_status"].tolist() == ["ok", "ok"] and df["reasoning_error"].isna().all()


@pytest.mark.slow
def test_a_stopped_job_leaves_rows_pending_and_the_next_pays_for_the_turns_that_are_left(turns, schema):
    df = talks(talk(10), talk(20))
    turns.script = lambda row, attempt: "hang" if "ROW-000021" in str(turns.bodies[-1]["messages"]) else None
    job = df.reason.augment(schema, teacher=turns.chat, concurrency=1)
    while turns.requests < 5:
        job.wait(0.02)
    assert job.stop().wait().status is Status.CANCELLED
    assert df["reasoning_status"].tolist() == ["ok", "pending"] and df["reasoning"][1] is None
    turns.script, before = None, turns.requests
    df.reason.augment(schema, teacher=turns.chat).wait()
    assert turns.requests - before == 2 and names(df["reasoning"][1]) == of(20, 21, 22)


@pytest.mark.parametrize("method", ["extract", "rationalize"])
def test_a_store_from_before_turns_answers_every_last_turn(method, home):
    """The store was written by the release that asked the last turn only, by this very teacher and schema."""
    home.mkdir()
    with sqlite3.connect(home / "store.sqlite") as old:
        old.executescript(OLD_STORE.read_text())
    asked: list[str] = []

    def answer(request):
        asked.append(request)
        return {"Aim": "new", "Score": 1}

    schema = rb.Schema(
        [
            rb.Field("Aim", "Say what is wanted."),
            rb.Field("Score", "From 0 to 10.", type="number", minimum=0, maximum=10),
        ]
    )
    teacher = PythonTeacher(answer, name="golden")
    df = talks(single(1), talk(10), talk(20))
    df.reason.augment(schema, teacher=teacher, method=method, turns="last").wait()
    assert asked == []
    review = (
        df.reason.review()
    )  # its journal says of row 1: edited and accepted; of row 2: edited, then undone
    assert [cell["Aim"][:6] for cell in df["reasoning"]] == ["aim of", "mine", "aim of"]
    assert review[1].decision.verdict == "accepted" and review[2].decision.reasoning is None
    again = talks(single(1), talk(10), talk(20))
    again.reason.augment(schema, teacher=teacher, method=method).wait()
    assert len(asked) == 4 and not any("order found" in request for request in asked)
    assert [[part["Aim"] for part in cell] for cell in again["reasoning"][1:]] == [
        ["new", "new", "mine"], ["new", "new", df["reasoning"][2]["Aim"]]
    ]  # fmt: skip


def test_estimates_and_limits_count_turns_and_rows(turns, schema):
    df = talks(talk(10), single(5), talk(20), talk(30))
    told = df.reason.estimate(schema, teacher=turns.chat)
    assert (told.rows, told.turns, told.calls, told.cached) == (4, 10, 10, 0)
    assert "assistant turns" in told._repr_html_()
    job = df.reason.augment(schema, teacher=turns.chat, limit=2).wait()
    assert turns.requests == 4 and (job.progress.total, job.progress.turns) == (2, 4)
    told = df.reason.estimate(schema, teacher=turns.chat)
    assert (told.rows, told.calls, told.cached) == (4, 6, 2)
    assert "assistant turns" not in talks(single(1)).reason.estimate(schema, teacher=turns.chat)._repr_html_()


def test_a_budget_ends_between_turns_and_says_how_many_rows_are_left(turns, schema):
    df = talks(*(talk(10 * n) for n in range(1, 7)))
    price = (0.0, 1000.0)  # 40 tokens out: 4 cents a call
    job = df.reason.augment(schema, teacher=turns.chat, concurrency=1, price=price, budget=0.2).wait()
    assert job.status is Status.PARTIAL and turns.requests == 5 and job.progress.done == 1
    assert df["reasoning_status"].tolist() == ["ok", *["pending"] * 5]
    assert any("5 rows were not asked" in str(event.data.get("text")) for event in job.stream)


def test_batches_packs_and_samples_take_turns(turns, schema):
    df = talks(talk(10), single(5))
    df.reason.augment(schema, teacher=turns.chat, mode="batch").wait()
    assert turns.requests == 0 and len(turns.batches.made) == 1
    packed = talks(talk(20), single(6))
    packed.reason.augment(schema, teacher=turns.chat, pack=4).wait()
    assert turns.requests == 1
    sampled = talks(talk(30), single(7))
    seen: list[tuple[str, str]] = []

    def check(values, row):
        seen.append((newest(row.prompt), row.response))
        return values[INTENT].endswith(newest(row.prompt)) and len(seen) > 4

    sampled.reason.augment(schema, teacher=turns.chat, samples=2, check=check, concurrency=1).wait()
    assert ("ROW-000031", "(calls ") in [(name, said[:7]) for name, said in seen]
    for made, numbers in ((df, (10, 11, 12)), (packed, (20, 21, 22)), (sampled, (30, 31, 32))):
        assert names(made["reasoning"][0]) == of(*numbers) and made["reasoning_status"].tolist() == [
            "ok",
            "ok",
        ]


@pytest.mark.parametrize("method, label", [("native", "Reasoning"), ("chain_of_thought", "Chain of Thought")])
def test_methods_without_fields_ask_every_turn(turns, method, label):
    turns.thinking, turns.answer = True, None
    df = talks([*single(1), *single(2)])
    df.reason.augment(fields(), teacher=turns.chat, method=method, concurrency=1).wait()
    assert [list(part) for part in df["reasoning"][0]] == [[label], [label]] and turns.requests == 2
    asked = turns.bodies[1]["messages"]
    assert method != "native" or [m["role"] for m in asked] == ["user", "assistant", "user"]


def test_what_a_person_wrote_of_a_turn_stays_and_is_not_asked(turns, schema):
    df = talks(talk(10), talk(20))
    df.reason.augment(schema, teacher=turns.chat).wait()
    review = df.reason.review()
    review.edit(0, {INTENT: "my own words"}, turn=1)
    assert df["reasoning"][0][1][INTENT] == "my own words" and names([df["reasoning"][0][2]]) == of(12)
    schema.update(INTENT, instruction="Something else entirely.")
    before = turns.requests
    df.reason.augment(schema, teacher=turns.chat).wait()
    assert turns.requests - before == 5
    assert df["reasoning"][0][1][INTENT] == "my own words"
    assert names([df["reasoning"][0][0], df["reasoning"][0][2]]) == of(10, 12)
    assert df["reasoning_status"].tolist() == ["ok", "ok"]


def test_a_column_has_one_form_so_that_files_hold_it(turns, schema, tmp_path):
    df = talks(talk(10), single(5))
    df.reason.augment(schema, teacher=turns.chat).wait()
    df.to_parquet(tmp_path / "filled.parquet")
    back = pd.read_parquet(tmp_path / "filled.parquet")
    assert [names(cell) for cell in back["reasoning"]] == [of(10, 11, 12), of(5)]
    df.to_json(tmp_path / "filled.jsonl", orient="records", lines=True)
    back = pd.read_json(tmp_path / "filled.jsonl", lines=True)
    assert [names(cell) for cell in back["reasoning"]] == [of(10, 11, 12), of(5)]


def test_a_dataset_on_disk_holds_a_list_per_row_in_every_part(turns, schema, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    # the first part has single turns only, the second one several
    talks(single(1), single(2), talk(10), single(3)).to_parquet(tmp_path / "in.parquet")
    line = (tmp_path / "in.parquet", tmp_path / "out", schema)
    job = rb.augment_dataset(*line, teacher=turns.chat, rows=2).wait()
    assert job.status is Status.COMPLETED and turns.requests == 6
    whole = pq.read_table(tmp_path / "out").to_pandas()
    assert [names(cell) for cell in whole["reasoning"]] == [of(1), of(2), of(10, 11, 12), of(3)]
    assert rb.augment_dataset(*line, teacher=turns.chat, rows=2).wait().progress.cached == 4
    rb.augment_dataset(*line, teacher=turns.chat, rows=2, turns="last").wait()
    whole = pq.read_table(tmp_path / "out").to_pandas()
    assert turns.requests == 6 and names(whole["reasoning"][2]) == [None, None, *of(12)]


@pytest.mark.slow
def test_dask_partitions_have_one_form(turns, schema, tmp_path):
    dd = pytest.importorskip("dask.dataframe")
    import dask

    from reasonbook.augment import augment_partitions

    with dask.config.set({"dataframe.convert-string": False}):  # else Dask prints lists as texts
        ddf = dd.from_pandas(talks(single(1), single(2), talk(10), single(3)), npartitions=2)
        filled = augment_partitions(ddf, schema, teacher=turns.chat).compute(scheduler="synchronous")
    assert [names(cell) for cell in filled["reasoning"]] == [of(1), of(2), of(10, 11, 12), of(3)]
    filled.to_parquet(tmp_path / "filled.parquet")
