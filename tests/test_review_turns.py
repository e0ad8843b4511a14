"""The review of conversations: each assistant turn is shown, checked, edited and repaired by itself."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.errors import ReviewError
from reasonbook.review import Review
from reasonbook.review.edit_rules import FieldError
from reasonbook.store import default_store
from reasonbook.widgets.review_rows import full
from tests.augment.talks import single, talk, talks
from tests.servers.provider import KEY, Provider

SCHEMA = rb.Schema({"Aim": "Say what is wanted.", "Next": "Say what to do."})


def rules(request):
    return {"Aim": f"to answer: {request.splitlines()[-1][-40:]}", "Next": "look it up"}


def filled(*rows, **options):
    df = talks(*rows)
    df.reason.augment(SCHEMA, teacher=rules, **options).wait()
    return df


def aims(df, row):
    return [None if part is None else part["Aim"] for part in df["reasoning"][row]]


def test_every_turn_is_there_with_its_place_in_the_conversation():
    df = filled(talk(10), single(5))
    review = df.reason.review()
    sample = review[0]
    assert [turn.number for turn in sample.turns] == [0, 1, 2]
    assert [sample.conversation.messages[turn.at]["role"] for turn in sample.turns] == ["assistant"] * 3
    assert [turn.reasoning["Aim"] for turn in sample.turns] == aims(df, 0)
    assert dict(sample.reasoning) == df["reasoning"][0][2] and sample.response == "It is at stop 12."
    assert review[1].turns == () and dict(review[1].reasoning) == df["reasoning"][1][0]
    second = sample.at(1)
    assert second.reasoning["Aim"] == aims(df, 0)[1] and second.conversation.messages[-1]["tool_calls"]
    assert sample.at(-1) is sample and sample.at(None) is sample
    with pytest.raises(ReviewError, match="3 assistant turns; there is no turn 3"):
        sample.at(3)


def test_an_edit_changes_one_turn_comes_back_and_is_undone_alone():
    df = filled(talk(10), single(5))
    before = aims(df, 0)
    review = df.reason.review()
    review.edit(0, {"Aim": "mine, first"}, turn=0).edit(0, {"Aim": "mine, second"}, turn=1).edit(
        0, {"Aim": "mine, last"}
    )
    assert aims(df, 0) == ["mine, first", "mine, second", "mine, last"]
    assert df["reasoning"][0][0]["Next"] == "look it up" and df["reasoning_status"][0] == "ok"
    assert [turn.teacher_reasoning["Aim"] for turn in review[0].turns] == before
    review.undo().undo()
    assert aims(df, 0) == ["mine, first", *before[1:]]
    review.redo()
    assert aims(df, 0) == ["mine, first", "mine, second", before[2]]
    again = filled(talk(10), single(5))  # another kernel: what people wrote comes back, turn by turn
    assert aims(again, 0) == ["mine, first", "mine, second", before[2]]
    reopened = Review(Frame(again, detect(again)))
    assert aims(again, 0) == ["mine, first", "mine, second", before[2]]
    assert reopened[0].turns[1].teacher_reasoning["Aim"] == before[1]
    reopened.undo().undo()
    assert aims(again, 0) == before and reopened[0].decision.turns == {}
    fresh = talks(talk(10))  # of a frame that was never filled
    review = fresh.reason.review()
    assert "reasoning" not in fresh and review[0].turns[0].reasoning == {}


def test_the_last_turns_decision_is_written_as_it_always_was():
    df = filled(talk(10))
    df.reason.review().edit(0, {"Aim": "mine"})
    (event,) = [e for e in default_store().events("review") if e.kind == "decision"]
    (after,) = event.data["after"].values()
    assert set(after) == {"reasoning", "teacher_reasoning", "stale"} and after["reasoning"]["Aim"] == "mine"


def test_only_the_last_response_can_be_edited():
    review = filled(talk(10)).reason.review()
    with pytest.raises(ReviewError, match="Only the last response of row 0"):
        review.edit(0, response="Other.", turn=0)
    review.edit(0, response="Other.")
    assert review[0].status == "stale" and review[0].at(0).status == "stale"
    review.edit(0, {"Aim": "mine"}, turn=0)
    assert review[0].status == "stale", "an earlier turn says nothing of the last response"
    review.edit(0, {"Aim": "mine too"})
    assert review[0].status == "ok"


def test_a_row_is_ok_when_the_turn_that_failed_is_written_by_hand():
    def failing(request):
        if request.splitlines()[-1].startswith("user: ROW-000011"):
            raise ValueError("no idea")
        return rules(request)

    df = talks(talk(10))
    with pytest.raises(rb.ReasonbookError):
        df.reason.augment(SCHEMA, teacher=failing).wait()
    assert df["reasoning_error"][0].startswith("turn 2 of 3: ValueError: no idea")
    review = df.reason.review()
    review.edit(0, {"Aim": "mine"}, turn=0)
    assert df["reasoning_status"][0] == "error" and df["reasoning_error"][0] is not None
    review.edit(0, {"Aim": "mine", "Next": "ask"}, turn=1)
    assert df["reasoning_status"][0] == "ok" and df["reasoning_error"][0] is None
    review.undo()
    assert aims(df, 0)[1] is None and df["reasoning_status"][0] == "error"


def test_flags_look_at_every_turn_and_say_which():
    df = filled(*(talk(10 * n) for n in range(1, 6)))
    df["reasoning"][2][1]["Aim"] = "As the response says, it is refunded."
    df["reasoning"][3][0]["Next"] = "  "
    review = df.reason.review()
    assert review.flags[2].names == ("leaked",) and review.flags[3].names == ("blank",)
    assert [turn.flags.names for turn in review[2].turns] == [(), ("leaked",), ()]
    assert review.where(flag="leaked").tolist() == [2] and review.where(text="it is refunded").tolist() == [2]
    review.edit(2, {"Aim": "to know"}, turn=1)
    assert review.flags[2].names == () and review.where(text="it is refunded").tolist() == []


def test_a_repair_rewrites_the_reasoning_of_one_turn(monkeypatch):
    def answer(asked):
        assert (
            list(asked.schema["properties"]) == ["reasoning"] and "later turns answer to it" in asked.system
        )
        return json.dumps({"reasoning": {"aim": "repaired", "next": "ask the tool"}})

    df = filled(talk(10))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Provider(key=KEY, answer=answer) as server:
        review = df.reason.review()
        repair = review.repair(0, "Say it plainly.", teacher=f"openai:mock@{server.url}", turn=1).wait()
        told = str(server.bodies[0])
        assert "ROW-000011" in told and "order found" not in told
    before = aims(df, 0)
    repair.accept()
    assert aims(df, 0) == [before[0], "repaired", before[2]]
    assert review.undo() and aims(df, 0) == before


def test_the_page_gets_the_reasoning_of_earlier_turns_beside_their_messages():
    df = filled(talk(10), single(5))
    review = df.reason.review()
    review.edit(0, {"Aim": "mine"}, turn=1)
    row = full(review[0], None)
    assert [(turn["number"], turn["at"]) for turn in row["turns"]] == [(0, 1), (1, 3)]
    assert row["messages"][3]["role"] == "assistant"
    assert row["turns"][1]["reasoning"] == [("Aim", "mine"), ("Next", "look it up")]
    assert row["turns"][1]["teacher"][0] != ("Aim", "mine") and row["edited"] is True
    assert [field["name"] for field in row["turns"][1]["fields"]] == ["Aim", "Next"]
    assert full(review[1], None)["turns"] == []


def test_a_frame_from_parquet_is_reviewed_turn_by_turn(tmp_path):
    filled(talk(10), single(5)).to_parquet(tmp_path / "filled.parquet")
    df = pd.read_parquet(tmp_path / "filled.parquet")
    before = aims(df, 0)
    review = df.reason.review().accept([0, 1]).edit(0, {"Aim": "mine"}, turn=1).edit(1, {"Aim": "mine too"})
    assert aims(df, 0) == [before[0], "mine", before[2]] and aims(df, 1) == ["mine too"]
    assert review.undo().undo() and aims(df, 0) == before and len(df["reasoning"][1]) == 1


def test_texts_that_the_data_brought_are_not_turns():
    df = pd.DataFrame({"problem": ["6 x 7?"], "solution": ["42"], "reasoning": [["one way", "another way"]]})
    df.reason.layout(prompt="problem", response="solution", reasoning="reasoning")
    df.reason.review().edit(0, {"Aim": "mine"})
    assert df["reasoning"][0] == {"Aim": "mine"}


def test_edits_of_earlier_turns_are_held_to_the_schema_and_put_the_cell_back():
    df = filled(talk(10), single(5))
    last = dict(df["reasoning"][0][-1])
    df.at[0, "reasoning"] = last  # of the last turn alone
    df.at[0, "reasoning_status"] = "error"
    review = df.copy().reason.review()
    with pytest.raises(FieldError, match="'Aim' must be a text, not 7") as typed:
        review.edit(0, {"Aim": 7, "Next": "look"}, turn=1)
    assert "turn=1)" in str(typed.value)
    with pytest.raises(FieldError, match="'Next' is missing") as refused:
        review.edit(0, {"Aim": "mine"}, turn=1)
    assert set(refused.value.fields) == {"Next"}
    review.edit(0, {"Aim": "mine", "Next": "look"}, turn=1)
    assert aims(review.frame.df, 0) == [None, "mine", last["Aim"]]
    assert review[0].status == "error", "the first turn is still without"
    assert review.undo().frame.df["reasoning"][0] == last and review[0].status == "error"
