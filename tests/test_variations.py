"""Variations: kept only with proof, right by rule, paid once, with their origin's split."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

import reasonbook as rb
from benchmarks import variations as bench
from reasonbook.errors import LayoutError, ReasonbookError, SchemaError, TeacherError
from tests.servers.provider import KEY, Provider

FLIP = {"along": bench.ALONG, "derived": bench.DERIVED}


def answer(request: str, reasoning) -> str:
    return f"${str(reasoning['Amount']).rpartition('= ')[2]}"


def vary(df, **options):
    options = {
        "teacher": bench.writer(0, 0.3),
        "checker": bench.reader(0, "2026", 0.0),
        "answer": answer,
        **options,
    }
    return df.reason.vary(bench.schema(), **options).wait()


@pytest.mark.slow
def test_kept_flips_are_right_and_carry_origin_and_split():
    df = bench.rows(40, 5, "2026")
    df.loc[30:, "split"] = "test"
    keys = list(df["prompt"])
    before = df.copy()
    job = vary(df, kind="flip", n=2, **FLIP)
    assert len(job.wanted) == 60 and 30 < len(job.kept) < 60
    assert set(job.reasons) <= {"not changed", "changed too", "there already"} and sum(
        job.reasons.values()
    ) == 60 - len(job.kept)
    more = job.frame
    assert [bench.truth(p, "2026") for p in more["prompt"]] == more["response"].tolist(), (
        "every kept answer is right"
    )
    assert [bench.worked_out(p, "2026") for p in more["prompt"]] == more["reasoning"].tolist()
    assert set(more["split"]) == {"train"} and not set(more["prompt"]) & set(keys)
    for kept in job.kept:
        changed = {k for k, v in kept.reasoning.items() if v != kept.wanted.origin.reasoning[k]}
        assert kept.wanted.flipped in changed and not changed & set(bench.ALONG) - {kept.wanted.flipped}
    pd.testing.assert_frame_equal(df, before)
    assert (
        "<ins" in job.show(0) and "pd.concat" in job._repr_html_() and len(job.dropped) == 60 - len(job.kept)
    )
    both = pd.concat([df, more], ignore_index=True)
    assert both.reason.split().sum() == len(both), "splits stay as they were inherited"
    contrast = vary(df, kind="flip", splits=("test",), **FLIP)
    assert set(contrast.frame["split"]) == {"test"} and len(contrast.wanted) == 10


@pytest.mark.slow
def test_rewordings_keep_answer_and_facts_and_fill_makes_thin_cells_thick():
    df = bench.rows(30, 6, "2026")
    job = vary(df, teacher=bench.writer(0, 0.0), n=2)
    assert len(job.kept) == 60 and len({kept.wanted.change for kept in job.kept}) == 6
    assert all(kept.response == kept.wanted.origin.conversation.response for kept in job.kept)
    along = ("Membership", "Condition")
    filled = vary(df, kind="fill", teacher=bench.writer(0, 0.0), below=5, along=along, derived=bench.DERIVED)
    cells = Counter(
        tuple(cell[name] for name in along) for cell in [*df["reasoning"], *filled.frame["reasoning"]]
    )
    assert len(cells) == 9 and min(cells.values()) >= 5


def test_a_pilot_stops_and_goes_on_and_nothing_is_asked_twice():
    df, asked = bench.rows(20, 7, "2026"), []

    def write(request: str, change: str) -> str:
        asked.append(request)
        return bench.writer(0, 0.0)(request, change)

    job = vary(df, teacher=write, pilot=5)
    assert len(asked) == job.settled == 5 and "go_on" in job._repr_html_()
    job.go_on().wait()
    assert len(asked) == 20 == len(job.kept)
    assert (
        vary(df, teacher=write).frame["prompt"].tolist() == job.frame["prompt"].tolist() and len(asked) == 20
    )


def test_messages_keep_their_form():
    df = bench.rows(4, 8, "2026")
    chats = pd.DataFrame(
        {
            "messages": [
                [
                    {"role": "system", "content": "Be kind."},
                    {"role": "user", "content": p},
                    {"role": "assistant", "content": r},
                ]
                for p, r in zip(df["prompt"], df["response"], strict=True)
            ]
        }
    )
    chats[["reasoning", "reasoning_status", "split"]] = df[["reasoning", "reasoning_status", "split"]]
    more = vary(chats, kind="flip", teacher=bench.writer(0, 0.0), **FLIP).frame
    assert more.reason.layout().messages == "messages"
    system, user, said = more["messages"][0]
    assert system["content"] == "Be kind." and said["content"] == bench.truth(user["content"], "2026")


def test_wrong_calls_say_what_to_type():
    df = bench.rows(6, 9, "2026")
    plain = df.drop(columns="split")
    for call, error, words in (
        (lambda: vary(df, kind="flip", along=["Membershp"]), SchemaError, "Membership"),
        (lambda: vary(df, kind="flip", along=["Amount"]), SchemaError, "needs a choice, number or boolean"),
        (lambda: vary(df, kind="flip"), SchemaError, "along which"),
        (lambda: vary(plain), LayoutError, "df.reason.split"),
        (lambda: vary(df, splits=("validation",)), LayoutError, "No row of validation"),
        (lambda: df.reason.vary({"Amount": "x"}, teacher=bench.writer(0, 0.0)), SchemaError, "typed fields"),
        (lambda: vary(df, kind="flop"), ReasonbookError, "flip"),
        (lambda: vary(df, teacher=lambda request, change: request), TeacherError, "6 x as before"),
        (lambda: rb.examples.refunds(3).reason.vary(teacher=len), SchemaError, "no reasoning yet"),
        (lambda: vary(bench.rows(90, 9, "2026"), kind="fill", along=["Price"]), SchemaError, "few values"),
    ):
        with pytest.raises(error, match=words):
            call()


def model(asked) -> str:
    """The provider's model: it writes, reads and answers by rule; every fourth answer is worked out wrong."""
    parts = asked.user.split("]\n")
    request = parts[1].split("\n[end of")[0]
    if '"request"' in json.dumps(asked.schema):
        change = parts[3].split("\n[end of")[0]
        return json.dumps({"request": bench.writer(0, 0.0)(request, change)})
    if '"answer"' in json.dumps(asked.schema):
        spoilt = "[worked out" in asked.user and bench.chance(request) < 0.25
        return json.dumps({"answer": "$0.01" if spoilt else bench.truth(request, "2026")})
    keys = bench.schema().keys
    return json.dumps({keys[name]: value for name, value in bench.worked_out(request, "2026").items()})


@pytest.mark.slow
def test_a_paid_teacher_writes_reads_and_answers_within_its_budget(monkeypatch):
    df = bench.rows(16, 10, "2026")
    with Provider(key=KEY, answer=model) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        options = {"teacher": f"openai:mock@{server.url}", "kind": "flip", "price": (1.0, 2.0), **FLIP}
        options["guidance"] = "Keep it friendly."
        one = (120 * 1.0 + 40 * 2.0) / 1e6
        pilot = df.reason.vary(bench.schema(), pilot=4, **options).wait()
        assert pilot.cost == pytest.approx(16 * one) and "per kept row" in pilot.words, (
            "write, read, answer twice"
        )
        bodies = json.dumps(server.bodies[0])
        assert "Keep it friendly." in bodies.split('"role": "user"')[1], "guidance is material, not an order"
        paid = server.requests
        some = df.reason.vary(bench.schema(), budget=20 * one, **options).wait()
        assert str(some.status) == "PARTIAL" and some.cost <= 24 * one
        whole = df.reason.vary(bench.schema(), **options).wait()
        assert server.requests == 64, "all runs together have paid for each once"
        assert whole.settled == 16 and 0 < whole.reasons.get("answers differ", 0) < 16 and paid == 16
        assert [bench.truth(p, "2026") for p in whole.frame["prompt"]] == whole.frame["response"].tolist()
