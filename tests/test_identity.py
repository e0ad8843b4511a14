"""Which row a decision is of: rows that cannot be used, rows that edits make equal, rubbish in the journal."""

from __future__ import annotations

import copy
import random
import sqlite3
from collections import Counter
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.conversation import missing
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout
from reasonbook.decisions import SUBJECT
from reasonbook.errors import ReasonbookError
from reasonbook.events import Event
from reasonbook.review import Review
from reasonbook.store import Store
from tests.walks import walk

PAIR = Layout(prompt="prompt", response="response")
TALK = Layout(messages="messages")
BROKEN = [None, float("nan"), 3.5, 7, True, "", "  ", [], {}, {"output": None}, [{"content": "no role"}], pd.NaT,
          pd.Timestamp("2026-05-01"), np.array(["x", "y"]), [[["deep"]]], b"bytes", [1, {"role": "user"}]]  # fmt: skip


def opened(df, store, layout=PAIR):
    return Review(Frame(df, layout), store)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_keys_of_usable_rows_are_those_of_old_stores():
    df = pd.DataFrame({"prompt": ["refund order 1", "q"], "response": ["$1", "<think>so</think>a"]})
    assert Frame(df, PAIR).keys == [
        "1391423fce7f4e0ebe8abe7794dee815.0",
        "3b907f307d03887765e6f457d0950187.0",
    ]
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
    }
    df = pd.DataFrame({"messages": [[{"role": "user", "content": "q"}, call]]})
    assert Frame(df, TALK).keys == ["e1b8fb262cbaf8f631a0b31b20beead4.0"]


@pytest.mark.slow
def test_rows_that_cannot_be_used_are_told_apart():
    prompts = [cell for cell in BROKEN if not (isinstance(cell, str) or missing(cell))]
    df = pd.DataFrame(
        {"prompt": [*prompts, None, ""], "response": pd.Series(["a"] * (len(prompts) + 2), dtype=object)}
    )
    frame = Frame(df, PAIR)
    contents = [key.partition(".")[0] for key in frame.keys]
    assert len(set(contents)) == len(contents), "every cell has an identity of its own"
    assert all(found.problem for found in frame.layout.read(df))


def test_an_identity_outlives_a_file(tmp_path):
    df = pd.DataFrame(
        {"prompt": ["a", None, "c", ""], "response": ["x", "b", None, "y"], "score": [1, 2, 3, 4]}
    )
    df.to_parquet(tmp_path / "a.parquet")
    df.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for again in (pd.read_parquet(tmp_path / "a.parquet"), pd.read_json(tmp_path / "a.jsonl", lines=True)):
        assert Frame(again, PAIR).keys == Frame(df, PAIR).keys


def test_a_decision_on_an_unusable_row_reaches_no_other_row_and_no_other_frame(store, tmp_path):
    one = pd.DataFrame({"prompt": [None, 3.5, [], "q"], "response": ["a", "b", "c", 12.5]})
    two = pd.DataFrame({"prompt": [None, 4.5, {}, "q"], "response": ["z", "b", "c", 13.5]})
    opened(one, store).reject(0).rate(2, 5).edit(3, response="$12.50")
    review = opened(two, Store(tmp_path))
    assert review.counts["undecided"] == 4 and not [
        d for d in map(review._rows.decision, range(4)) if d.stands
    ]
    assert one["verdict"].tolist() == ["rejected", None, None, None]
    assert one["response"].tolist() == ["a", "b", "c", "$12.50"]


def test_an_edited_response_of_any_cell_comes_back_and_goes(store, tmp_path):
    for cell in (
        3.5,
        None,
        7,
        {"output": "x"},
        ["x", "y"],
        [{"role": "assistant", "content": "x", "reasoning": "r"}],
    ):
        df = pd.DataFrame({"prompt": [f"q {cell}"], "response": pd.Series([cell], dtype=object)})
        review = opened(df, store).edit(0, response="new")
        assert review[0].response == "new", cell
        saved = df.copy()
        assert opened(saved, Store(tmp_path)).undo()[0].decision.response is None
        review = opened(df, Store(tmp_path))
        assert repr(df.at[0, "response"]) == repr(cell), "the cell as it was"


def test_a_response_is_put_into_a_conversation_without_harm_to_its_turns(store):
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"},
    ]
    text = '[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]'
    df = pd.DataFrame({"messages": [turns, text, "no conversation"]})
    review = opened(df, store, TALK).edit(0, response="b").edit(1, response="c")
    assert [turn["content"] for turn in df.at[0, "messages"]] == ["q", "a", "r", "b"]
    assert df.at[1, "messages"] == '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "c"}]'
    with pytest.raises(ReasonbookError, match="Row 2 cannot take a response"):
        review.edit(2, response="x")
    review.undo().undo()
    assert df["messages"].tolist() == [turns, text, "no conversation"]
    requests = pd.DataFrame({"prompt": ["a", "b"]})
    with pytest.raises(ReasonbookError, match="names no response column"):
        opened(requests, store, Layout(prompt="prompt")).edit(0, response="x")
    assert opened(requests.copy(), store, Layout(prompt="prompt")).counts["rows"] == 2


def test_edits_that_make_rows_equal_or_unequal_do_not_mix_them(store, tmp_path):
    """In the saved frame an equal of the edited row has moved up to its name; a new equal may stand before it."""
    df = pd.DataFrame({"id": range(4), "prompt": ["q"] * 4, "response": ["a", "a", "b", "a"]})
    original = df.copy()
    opened(df, store).accept(0).reject(1).rate(2, 2).rate(3, 3).edit(0, response="b")
    for frame in (original, df.copy()):
        review = opened(frame, Store(tmp_path))
        assert frame["response"].tolist() == ["b", "a", "b", "a"]
        assert frame["verdict"].tolist() == ["accepted", "rejected", None, None]
        assert [review[i].decision.rating for i in range(4)] == [None, None, 2, 3]


def test_rows_that_moved_are_read_and_decided_where_they_are(store):
    df = pd.DataFrame({"id": range(30), "prompt": [f"q {i}" for i in range(30)], "response": ["a"] * 30})
    review = opened(df, store)
    df.sort_values("id", ascending=False, inplace=True)
    assert review[0].conversation.prompt[0]["content"] == "q 0" and review[0].columns["id"] == 0
    assert review.where(text="q 7").tolist() == [7]
    review.accept(0).accept(1).edit(2, response="b")
    assert df.loc[df["verdict"] == "accepted", "id"].tolist() == [1, 0]
    assert df.loc[df["response"] == "b", "id"].tolist() == [2]
    review.refresh()
    assert review[0].columns["id"] == 29 and review.where(verdict="accepted").tolist() == [28, 29]


def test_columns_of_any_dtype_take_decisions_without_loss(store):
    df = pd.DataFrame({
        "prompt": ["a", "b"], "response": [True, False], "rating": ["good", "bad"],
        "verdict": pd.Categorical(["open", "open"]),
    })  # fmt: skip
    opened(df, store).accept(0).rate(0, 4).edit(1, response="no")
    assert df["verdict"].tolist() == ["accepted", "open"] and df["rating"].tolist() == [4, "bad"]
    assert df["response"].tolist() == [True, "no"]


@pytest.mark.parametrize("cell", [
    b"bytes", Decimal("12.50"), date(2026, 5, 1), datetime(2026, 5, 1, 7), pd.Timestamp("2026-05-01", tz="UTC"), 7, 2.5,
    ["one", "other"], {"output": "x", "n": 1},
])  # fmt: skip
def test_an_undo_puts_back_the_very_cell(cell, store, tmp_path):
    df = pd.DataFrame({"prompt": ["a"], "response": pd.Series([cell], dtype=object)})
    opened(df, store).edit(0, response="z")
    opened(df, Store(tmp_path)).undo()
    assert df["response"][0] == cell and type(df["response"][0]) is type(cell)


# -- rubbish ---------------------------------------------------------------------------------------------------
ROW = "k.0"
RUBBISH = [
    ("decision", {}), ("decision", []), ("decision", 3), ("decision", None), ("decision", "text"),
    ("decision", {"id": 4, "before": {}, "after": {}}), ("decision", {"id": "a", "before": 3, "after": {ROW: {}}}),
    ("decision", {"id": "b", "before": {}, "after": {ROW: 4}}), ("decision", {"id": "c", "before": {}, "after": []}),
    ("decision", {"id": "d", "before": {}, "after": {ROW: {"verdict": "banana"}}}),
    ("decision", {"id": "e", "before": {}, "after": {ROW: {"rating": "5"}}}),
    ("decision", {"id": "f", "before": {}, "after": {ROW: {"rating": True}}}),
    ("decision", {"id": "g", "before": {}, "after": {ROW: {"reasoning": "text"}}}),
    ("decision", {"id": "h", "before": {}, "after": {ROW: {"response": 3.5}}}),
    ("decision", {"id": "i", "before": {}, "after": {ROW: {"tags": "text"}}}),
    ("decision", {"id": "j", "before": {}, "after": {ROW: {"data_cell": {}}}}),
    ("decision", {"id": "k", "before": {}, "after": {ROW: {}}, "aliases": [1]}),
    ("decision", {"id": "l", "before": {}, "after": {ROW: {}}, "aliases": {"a": 3}}),
    ("decision", {"id": "m", "before": {}, "after": {ROW: {"turns": [{"A": 1}]}}}),
    ("decision", {"id": "n", "before": {}, "after": {ROW: {"turns": {"0": "text"}}}}),
    ("decision", {"id": "o", "before": {}, "after": {ROW: {"teacher_turns": None}}}),
    ("use", {}), ("use", 5), ("use", {"after": {ROW: {"reasoning": [{"A": 1}]}}}),
    ("undo", {}), ("undo", {"id": ["a"]}), ("undo", {"id": "nobody"}), ("redo", 7), ("banana", {"id": "a"}),
]  # fmt: skip


def spoil(store, key, number):
    """Puts one event that cannot be applied about a row into a store."""
    kind, data = RUBBISH[number % len(RUBBISH)]
    data = copy.deepcopy(data)
    if isinstance(data, dict) and isinstance(data.get("after"), dict) and ROW in data["after"]:
        data["after"][key] = data["after"].pop(ROW)
    store.append(SUBJECT, [Event(kind, data)])


def broken_json(store):
    with sqlite3.connect(store.path) as db:
        for subject, text in ((SUBJECT, '{"id": '), (SUBJECT, None), ("review:cursor", "}"), ("origin", "[")):
            db.execute(
                "INSERT INTO events(subject, at, kind, data) VALUES (?, 1, 'decision', ?)", (subject, text)
            )


def test_what_cannot_be_applied_is_set_aside_and_said(store, tmp_path):
    df = pd.DataFrame({"prompt": ["a", "b"], "response": ["x", "y"], "reasoning": [{"A": 1}, {"A": 2}]})
    review = opened(df.copy(), store).accept(0).rate(1, 3).accept(1).undo()
    assert review.notes == []
    for number in range(len(RUBBISH)):
        spoil(store, review.frame.keys[number % 2], number)
    broken_json(store)
    store.append("review:cursor", [Event("cursor", {"key": ["list"]}), Event("cursor", 7)])
    fresh = df.copy()
    again = opened(fresh, Store(tmp_path))
    assert fresh["verdict"].tolist() == ["accepted", None] and fresh["rating"].tolist()[1] == 3
    assert len(again.decisions.set_aside) == len(RUBBISH) + 2
    assert "Set aside, not applied: event" in again.notes[0] and "And " in again.notes[-1]
    assert again.notes[0].split(":")[0] in again._repr_html_()
    assert again.edit(0, {"A": 5})[0].reasoning == {"A": 5}, "a spoilt record of origins spoils no edit"
    again.undo().undo()
    assert again.redo()[1].decision.rating == 3
    assert df.reason.review().counts["rows"] == 2


def test_an_edit_that_the_frame_cannot_take_any_more_is_said(store, tmp_path):
    df = pd.DataFrame({"prompt": ["a", "b"], "response": ["x", "y"]})
    opened(df, store).edit(0, response="z")
    requests = pd.DataFrame({"prompt": ["a", "b"]})
    [key] = Frame(requests.iloc[:1], Layout(prompt="prompt")).keys
    store.append(SUBJECT, [Event("decision", {"id": "n", "before": {}, "after": {key: {"response": "z"}}})])
    review = opened(requests, Store(tmp_path), Layout(prompt="prompt"))
    assert "Not in the frame: Row 0 cannot take a response" in review.notes[0]


# -- any acts on any frames --------------------------------------------------------------------------------------


def some_frame(rng, salt=""):
    """A frame of a few rows, usable, broken and equal ones, and its layout."""
    n = rng.randint(1, 9)
    if rng.random() < 0.3:
        said = lambda who: {"role": who, "content": rng.choice("ab") + salt}  # noqa: E731
        talks = [
            rng.choice([[said("user"), said("assistant")], [said("user")], [{"content": "no role" + salt}],
                        [said(who) for who in ("user", "assistant", "user", "assistant")],
                        '[{"role": "user", "content": "q' + salt + '"}, {"role": "assistant", "content": "a"}]',
                        [said("user"), {**said("assistant"), "reasoning_content": "so"}], "no talk" + salt, 3.5, [7]])
            for _ in range(n)
        ]  # fmt: skip
        df, layout = pd.DataFrame({"messages": pd.Series(talks, dtype=object)}), TALK
    else:
        pick = lambda: rng.choice([*(text + salt for text in "aab"), rng.choice(BROKEN)])  # noqa: E731
        cells = {name: pd.Series([pick() for _ in range(n)], dtype=object) for name in ("prompt", "response")}
        df, layout = pd.DataFrame(cells), PAIR
    df.insert(0, "id", range(n))
    if rng.random() < 0.7:
        choices = [
            {"Intent": "i", "Amount": 3, "Steps": ["s"]},
            {"Intent": "", "Amount": None},
            None,
            {},
            [{"Intent": "first"}, {"Intent": "last"}],
            "text",
            3.5,
        ]
        df["reasoning"] = pd.Series([copy.deepcopy(rng.choice(choices)) for _ in range(n)], dtype=object)
        df["reasoning_status"] = [rng.choice(["ok", "ok", "error", "pending", None]) for _ in range(n)]
        df["reasoning_error"] = None
    return df, layout


class Model:
    """What each row's decision has to be, told by the acts alone; rows are known by their id."""

    def __init__(self, n):
        self.rows = {i: {} for i in range(n)}
        self.past, self.future = [], []

    def act(self, ids, change):
        self.past.append(copy.deepcopy(self.rows))
        self.future.clear()
        for i in ids:
            self.rows[i] |= change(self.rows[i])

    def turn(self, source, target):
        if source:
            target.append(self.rows)
            self.rows = source.pop()

    def of(self, i):
        none = {"verdict": None, "rating": None, "reasoning": None, "response": None, "stale": False, "note": None,
                "tags": (), "later": False, "turns": {}}  # fmt: skip
        return none | self.rows[i]


def one_act(rng, review, model, ids):
    """One random act, on the review and on the model."""
    rows = rng.sample(range(len(ids)), rng.randint(1, len(ids)))
    row, act = rows[0], rng.randrange(13)
    mine = [ids[r] for r in rows]
    judged = lambda verdict: lambda was: {"verdict": verdict, "later": False}  # noqa: E731
    tag = rng.choice(["x", "y"])
    if act == 0:
        review.accept(rows), model.act(mine, judged("accepted"))
    elif act == 1:
        review.reject(rows), model.act(mine, judged("rejected"))
    elif act == 2:
        stars = rng.choice([None, 1, 5])
        review.rate(rows, stars), model.act(mine, lambda was: {"rating": stars})
    elif act == 3:
        text = rng.choice([None, "a note", "another"])
        review.note(row, text), model.act(mine[:1], lambda was: {"note": text})
    elif act == 4:
        review.tag(rows, tag)
        model.act(mine, lambda was: {"tags": tuple(dict.fromkeys([*was.get("tags", ()), tag]))})
    elif act == 5:
        review.untag(rows, tag)
        model.act(mine, lambda was: {"tags": tuple(t for t in was.get("tags", ()) if t != tag)})
    elif act == 6:
        aside = rng.random() < 0.7
        review.later(rows, aside), model.act(mine, lambda was: {"later": aside})
    elif act == 7:
        review.undo(), model.turn(model.past, model.future)
    elif act == 8:
        review.redo(), model.turn(model.future, model.past)
    elif act == 9 and review[row].turns:
        before = review[row].at(0)
        fields = {"Intent": rng.choice(["i", "j"])}
        if before.reasoning.get("Intent") != fields["Intent"]:
            review.edit(row, fields, turn=0)
            model.act(mine[:1], lambda was: {"turns": {"0": {**before.reasoning, **fields}}})
    else:
        before = review[row]
        text = rng.choice(["a", "b", "new"]) if rng.random() < 0.8 else None
        fields = {"Intent": rng.choice(["i", "j"])} if text is None or rng.random() < 0.3 else None
        try:
            review.edit(row, fields, text)
        except ReasonbookError:
            return  # and nothing has happened
        change = {}
        if text is not None and text != before.response:
            change = {"response": text, "stale": bool(before.reasoning)}
        if fields is not None and before.reasoning.get("Intent") != fields["Intent"]:
            change |= {"reasoning": {**before.reasoning, **fields}, "stale": False}
        if change:
            model.act(mine[:1], lambda was: change)


def told(review, position):
    decision = review[position].decision
    return {name: getattr(decision, name) for name in PARTS}


PARTS = ("verdict", "rating", "reasoning", "response", "stale", "note", "tags", "later", "turns")


def agree(review, model, ids, why):
    for position, i in enumerate(ids):
        assert told(review, position) == model.of(i), (why, i)


def alike(review, model, ids, now, why):
    """The same, but for rows that only their order tells apart: equals, and such as have exchanged contents."""
    found = [key[:32] for key in review.frame.fresh_keys]
    have = Counter((content, repr(told(review, position))) for position, content in enumerate(found))
    assert have == Counter((now[i][:32], repr(model.of(i))) for i in ids), why


@pytest.mark.parametrize("seed", walk(range(60), fast=range(6)))
def test_any_acts_on_any_frame_come_back_as_they_were(seed, tmp_path):
    rng = random.Random(seed)
    df, layout = some_frame(rng)
    original, ids = df.copy(deep=True), df["id"].tolist()
    other, other_layout = some_frame(rng, salt=" elsewhere")
    store, model = Store(tmp_path), Model(len(df))
    review = opened(df, store, layout)
    for _ in range(rng.randint(5, 25)):
        one_act(rng, review, model, ids)
        if rng.random() < 0.2:
            spoil(store, rng.choice(review.frame.keys), rng.randrange(len(RUBBISH)))
        if rng.random() < 0.1:
            broken_json(store)
        if rng.random() < 0.15:
            review = opened(df, Store(tmp_path), layout)
        if rng.random() < 0.1:
            review.refresh()
    agree(review, model, ids, "as it stands")
    untouched = [i for i in ids if model.of(i) == Model(1).of(0)]
    for name in original.columns:
        for i in untouched:
            assert repr(df[name].iloc[i]) == repr(original[name].iloc[i]), ("another row changed", name, i)
    for i in ids:
        stands = model.of(i)
        assert missing(stands["verdict"]) == ("verdict" not in df or missing(df["verdict"].iloc[i]))
        if stands["response"] is None and layout is PAIR:
            assert repr(df["response"].iloc[i]) == repr(original["response"].iloc[i]), "undone is as it was"
    first, now = (Frame(frame, layout).keys for frame in (original, df))
    gone, come = ({keys[i][:32] for i in ids if first[i][:32] != now[i][:32]} for keys in (first, now))
    as_it_was = opened(original.copy(deep=True), Store(tmp_path), layout)
    if gone & come:
        alike(as_it_was, model, ids, now, "the frame as it was, whose rows have exchanged contents")
    else:
        agree(as_it_was, model, ids, "the frame as it was")
    agree(opened(df.copy(deep=True), Store(tmp_path), layout), model, ids, "the frame with its edits")
    for frame in (original, df):
        moved = frame.sample(frac=1, random_state=seed)
        alike(opened(moved, Store(tmp_path), layout), model, moved["id"].tolist(), now, "rows moved")
    beside = opened(other, Store(tmp_path), other_layout)
    for i in range(len(other)):
        cells = beside.frame.layout.given(other, i).values()
        if any("elsewhere" in str(cell) for cell in cells):
            assert told(beside, i) == Model(1).of(0), "a decision reached another frame"


def test_a_reviewer_of_a_real_frame_meets_no_rubbish(home):
    df = rb.examples.refunds(5)
    assert df.reason.review().notes == []
