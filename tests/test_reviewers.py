"""Several reviewers: layers of their own, acts that travel as files, agreement, conflicts and how they are settled."""

import itertools
import json
import os
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout
from reasonbook.data.training_rows import training_rows
from reasonbook.decisions import Decisions
from reasonbook.errors import ReviewError
from reasonbook.events import Event
from reasonbook.history import RowLife
from reasonbook.review import Review
from reasonbook.store import Store

NAMES = ("ana", "ben", "cleo")


@pytest.fixture(autouse=True)
def nobody():
    rb.reviewer("")
    yield
    rb.reviewer("")


def data(n=12, order="refund order"):
    return pd.DataFrame(
        {
            "prompt": [f"{order} {i}" for i in range(n)],
            "response": [f"${i}" for i in range(n)],
            "reasoning": [{"Intent": "refund", "Amount": i} for i in range(n)],
            "reasoning_status": ["ok"] * n,
            "reasoning_error": [None] * n,
        }
    )


def opened(df, store):
    return Review(Frame(df, Layout(prompt="prompt", response="response")), store)


def desk(folder, df=None):
    """A reviewer's own machine: a frame and a store."""
    return opened(data() if df is None else df, Store(folder))


def as_(name, act):
    rb.reviewer(name)
    return act()


def exchange(folder, **desks):
    """Everybody sends, then everybody merges what the others sent."""
    for name, review in desks.items():
        as_(name, partial(review.send, folder / f"{name}.jsonl"))
    for name, review in desks.items():
        rb.reviewer(name)
        for other in desks:
            if other != name:
                review.merge(folder / f"{other}.jsonl")


def test_one_frame_shows_what_one_says_and_a_conflict_trains_nowhere_until_it_is_settled(tmp_path):
    df = data()
    review = desk(tmp_path, df)
    as_("ana", lambda: review.accept([0, 1, 2]).rate(1, 5))
    as_("ben", lambda: review.accept(0).reject([1, 3]).rate(1, 2))
    assert df["verdict"].tolist()[:4] == ["accepted", "conflict", "accepted", "rejected"]
    assert df["rating"].isna().all()
    found = training_rows(review.frame)
    assert found.left_out == {"conflict": [1], "rejected": [3]} and len(found.rows) == 10
    assert review.counts == {
        "accepted": 1,
        "rejected": 1,
        "undecided": 9,
        "conflict": 1,
        "stale": 0,
        "rows": 12,
    }
    as_("ana", lambda: review.settle(1, "ben"))
    assert (df["verdict"][1], df["rating"][1]) == ("rejected", 2)
    assert review.undo() and df["verdict"][1] == "conflict"
    as_(
        "ben", lambda: review.accept(1)
    )  # a verdict on a row in conflict that one has judged is the last word
    assert df["verdict"][1] == "accepted"
    steps = RowLife(review.frame, 1, review.store).steps
    assert [(step.what, step.who) for step in steps if step.what in ("settled", "undone")] == [
        ("settled", "ana"),
        ("undone", "ana"),
        ("settled", "ben"),
    ]
    as_("ana", lambda: review.reject(1))  # who contradicts what is settled opens it again
    assert df["verdict"][1] == "conflict"
    fresh = data()
    assert as_("", lambda: opened(fresh, Store(tmp_path))).counts["conflict"] == 1
    assert fresh["verdict"].tolist() == df["verdict"].tolist()


def test_what_others_think_is_not_shown_before_one_has_judged(tmp_path):
    review = desk(tmp_path)
    as_("ana", lambda: review.accept([0, 1]).note(0, "fine").tag(0, "easy").edit(2, {"Amount": 20}))
    rb.reviewer("ben")
    assert review[0].decision.verdict is None and review[0].decision.note is None and not review.tags
    assert review.where(verdict="undecided").size == 12 and review[2].reasoning["Amount"] == 20
    review.reject(0)
    assert set(review[0].conflict.versions) == {"ana", "ben"} and review[0].decision.note == "fine"
    assert review.where(verdict="conflict").tolist() == [0] and review[1].conflict is None
    assert as_("cleo", lambda: review.where(verdict="conflict").size) == 0
    review.assign({"ana": 0.5, "ben": 0.5})
    assert review.where(verdict="conflict").tolist() == [0], "rows that only others are to judge hide nothing"


def test_one_undoes_ones_own_acts_and_nobody_elses(tmp_path):
    df = data()
    review = desk(tmp_path, df)
    as_("ana", lambda: review.accept(0).edit(1, {"Amount": 10}))
    as_("ben", lambda: review.rate(0, 4).edit(1, {"Intent": "return"}))
    assert df["reasoning"][1] == {"Intent": "return", "Amount": 10}, "edits of two fields come together"
    as_("ana", lambda: review.undo().undo())
    assert df["reasoning"][1] == {"Intent": "return", "Amount": 1} and not review.can_undo
    assert (df["verdict"][0], df["rating"][0]) == (None, 4)
    assert as_("", lambda: review.can_undo) is False


def test_who_names_herself_later_is_still_one_person(tmp_path):
    df = data()
    review = desk(tmp_path, df).accept([0, 1]).edit(2, {"Amount": 20}).rate(3, 4)
    as_("ana", lambda: review.reject(0).clear(1).edit(2, {"Amount": 21}).rate(3, 1))
    assert df["verdict"].tolist()[:2] == ["rejected", None] and df["rating"][3] == 1
    assert df["reasoning"][2]["Amount"] == 21 and not review.where(verdict="conflict").size
    as_("", lambda: review.accept(0))
    assert df["verdict"][0] == "accepted", "what nobody signs is said for all"
    assert not review.decisions.verdicts().get("ana", {}).get(1)


def test_two_edits_of_one_field_are_a_conflict_that_shows_both(tmp_path):
    df = data()
    review = desk(tmp_path, df)
    as_("ana", lambda: review.edit(1, {"Amount": 10}, "$10").accept(1))
    as_("ben", lambda: review.edit(1, {"Amount": 11}).accept(1))
    assert df["reasoning"][1] == {"Intent": "refund", "Amount": 1} and df["verdict"][1] == "conflict"
    assert df["response"][1] == "$10", "only one has changed it"
    conflict = review[1].conflict
    assert conflict.attributes == ("reasoning",)
    assert {name: version.reasoning["Amount"] for name, version in conflict.versions.items()} == {
        "ana": 10,
        "ben": 11,
    }
    review.settle(1, "ana")
    assert (
        df["reasoning"][1]["Amount"] == 10 and df["verdict"][1] == "accepted" and df["response"][1] == "$10"
    )
    fresh = df.drop(columns="verdict")
    assert opened(fresh, Store(tmp_path)).where(verdict="accepted").tolist() == [1], (
        "also where edits are saved"
    )


def test_acts_travel_as_files_once_however_often_and_what_is_damaged_is_said(tmp_path):
    ana, ben = desk(tmp_path / "a"), desk(tmp_path / "b")
    as_("ana", lambda: ana.accept([0, 1]).reject(2).undo().edit(3, {"Amount": 30}, "$30"))
    as_("ben", lambda: ben.reject(0).undo().redo())
    exchange(tmp_path, ana=ana, ben=ben)
    assert ana.frame.df["verdict"].tolist() == ben.frame.df["verdict"].tolist()
    assert ben.frame.df["response"][3] == "$30" and ben.counts["undecided"] == 11, "still blind for the rest"
    before = list(Store(tmp_path / "b").events("review"))
    ben.merge(tmp_path / "ana.jsonl")
    assert len(list(Store(tmp_path / "b").events("review"))) == len(before)
    assert ben.notes[-1] == "ana.jsonl: nothing new; its 4 acts are known."
    header, *lines = (tmp_path / "ana.jsonl").read_text().splitlines()
    assert json.loads(header) == {"reasonbook": "acts", "version": 1, "by": ["ana"], "acts": 4, "rows": 4}
    act = json.loads(lines[0])
    spoilt = [
        "{", "[1]", "\ud83d".encode("utf-8", "surrogatepass"), b"\xff\xfe", "[" * 20000, json.dumps(act | {"by": ""}),
        json.dumps(act | {"clock": -1}), json.dumps(act | {"at": "now"}), json.dumps(act | {"event": 7}),
        json.dumps(act | {"after": {"x": {"verdict": "<script>"}}}), json.dumps(act | {"clock": 2**80}),
        lines[0].replace('"accepted"', "NaN"), json.dumps(act | {"by": "all"}), json.dumps(act | {"kind": "use"}),
        json.dumps({"kind": "undo", "event": "e", "id": act["id"], "by": "eve", "clock": 9, "at": 1.0}),
    ]  # fmt: skip
    raw = [line if isinstance(line, bytes) else line.encode() for line in [header, *spoilt, *lines]]
    (tmp_path / "mixed.jsonl").write_bytes(b"\n".join(raw))
    cleo = as_("cleo", lambda: desk(tmp_path / "c").merge(tmp_path / "mixed.jsonl"))
    assert any("mixed.jsonl: 5 acts of ana, eve came in" in note for note in cleo.notes)
    assert any("line 2: it is no JSON" in note for note in cleo.notes)
    assert any("And 11 more lines" in note for note in cleo.notes), cleo.notes
    assert any("the act of another reviewer" in note for note in cleo.notes)
    assert cleo.frame.df["verdict"].tolist()[:3] == ["accepted", "accepted", None]


def test_files_of_other_data_and_wrong_calls_are_refused_in_a_sentence(tmp_path):
    review = desk(tmp_path / "a")
    with pytest.raises(ReviewError, match="Nobody is named"):
        review.send(tmp_path / "ana.jsonl")
    rb.reviewer("ana")
    with pytest.raises(ReviewError, match="no act on these rows"):
        review.send(tmp_path / "ana.jsonl")
    review.accept(0).send(tmp_path / "ana.jsonl")
    other = desk(tmp_path / "b", data(order="parcel"))
    with pytest.raises(ReviewError, match="none of its 1 rows is in this frame"):
        other.merge(tmp_path / "ana.jsonl")
    assert not list(other.store.events("review"))
    (tmp_path / "notes.txt").write_text("dear ana\n")
    with pytest.raises(ReviewError, match="holds no acts"):
        review.merge(tmp_path / "notes.txt")
    with pytest.raises(ReviewError, match="cannot be read"):
        review.merge(tmp_path / "none.jsonl")
    with pytest.raises(ReviewError, match="cannot be written"):
        review.send(tmp_path / "no folder" / "ana.jsonl")
    with pytest.raises(ReviewError, match="in no conflict"):
        review.settle(0, "ana")
    for shares in ({}, {"ana": 0}, {"ana": 1.5}, {"all": 0.5}, {"ana": True}):
        with pytest.raises(ReviewError):
            review.assign(shares)
    with pytest.raises(ReviewError, match="cannot be a reviewer"):
        rb.reviewer("two\nlines")


def test_the_environment_names_a_reviewer_until_somebody_does(monkeypatch):
    monkeypatch.setenv("REASONBOOK_REVIEWER", "cleo")
    monkeypatch.setattr("reasonbook.decisions.author._name", None)
    assert rb.reviewer() == "cleo" and rb.reviewer("ana") == "ana" and rb.reviewer("") == "" == rb.reviewer()


def test_the_same_name_on_two_machines_is_one_person(tmp_path):
    home, work = desk(tmp_path / "h"), desk(tmp_path / "w")
    rb.reviewer("ana")
    home.accept([0, 1]).edit(2, {"Amount": 20}).send(tmp_path / "home.jsonl")
    work.merge(tmp_path / "home.jsonl").reject(0).undo().reject(1).send(tmp_path / "work.jsonl")
    home.merge(tmp_path / "work.jsonl")
    for review in (home, work):
        assert review.frame.df["verdict"].tolist()[:3] == ["accepted", "rejected", None]
        assert review.frame.df["reasoning"][2]["Amount"] == 20
        assert not review.where(verdict="conflict").size


def test_rows_are_assigned_by_a_seed_and_a_queue_is_ones_own(tmp_path):
    review = desk(tmp_path, data(100)).assign({"ana": 0.6, "ben": 0.6}, seed=0)
    ana, ben = (set(review.where(assigned=name).tolist()) for name in ("ana", "ben"))
    assert (len(ana), len(ben), len(ana & ben), len(ana | ben)) == (60, 60, 20, 100)
    again = desk(tmp_path / "other", data(100).sample(frac=1, random_state=3)).assign(
        {"ana": 0.6, "ben": 0.6}
    )
    rows = {again.frame.df["prompt"].iloc[i] for i in again.where(assigned="ana")}
    assert rows == {f"refund order {i}" for i in ana}
    rb.reviewer("ana")
    assert set(review.where().tolist()) == ana and review.where(assigned="all").size == 100
    review.accept_all(passing=False)
    assert review.counts["accepted"] == 60
    with pytest.raises(ReviewError, match="assigned to 'bn'"):
        review.where(assigned="bn")
    review.assign({"cleo": 0.5})
    assert review.notes[-1].startswith("50 rows are assigned to nobody")
    review.send(tmp_path / "ana.jsonl")
    taken = as_("cleo", lambda: desk(tmp_path / "c", data(100)).merge(tmp_path / "ana.jsonl"))
    assert taken.where().size == 50 and taken.where().tolist() == review.where(assigned="cleo").tolist()


def test_agreement_is_cohens_with_an_interval_and_by_flag(tmp_path):
    df = data(50)
    df["reasoning"] = [
        {"Intent": "as the response says" if i < 10 else "refund", "Amount": i} for i in range(50)
    ]
    review = desk(tmp_path, df)
    first, second = [True] * 25 + [False] * 25, [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    for name, votes in (("ana", first), ("ben", second)):
        rb.reviewer(name)
        review.accept([i for i, yes in enumerate(votes) if yes]).reject(
            [i for i, yes in enumerate(votes) if not yes]
        )
    review.settle(20, "ana")
    found = review.agreement()
    whole = found.pairs[0]
    assert (whole.pair, whole.rows, whole.agreed) == (("ana", "ben"), 50, 35), (
        "what is settled makes nobody agree"
    )
    assert whole.kappa == pytest.approx(0.4), "the textbook's table of 20, 5, 10 and 15"
    assert 0.1 < whole.low < 0.4 < whole.high < 0.7 and review.agreement().pairs[0] == whole
    table = found.to_frame().set_index("flag")
    assert table.loc["leaked", "rows"] == 10 and table.loc["all rows", "percent"] == 70
    assert np.isnan(table.loc["leaked", "kappa"]), "both accepted all of them"
    assert "one verdict only" in found._repr_html_() and "κ 0.40" in repr(found)


acts = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["verdict", "verdict", "edit", "answer", "rate", "undo",
                                                       "undo", "redo", "settle", "mark", "send"]),
              st.integers(0, 3), st.integers(1, 4)),
    max_size=24,
)  # fmt: skip


def act(review, kind, row, value):
    if kind == "verdict":
        (review.accept if value % 2 else review.reject)([row, (row + value) % 4])
    elif kind == "edit":
        review.edit(row, {("Intent", "Amount")[value % 2]: str(value) if value % 2 == 0 else value * 100})
    elif kind == "answer":
        review.edit(row, response=f"${value}00")
    elif kind == "rate":
        review.rate(row, value)
    elif kind == "mark":
        review.tag(row, f"t{value}").note(row, f"n{value}").later(row, value % 2 == 0)
    elif kind == "settle" and (conflict := review.decisions.conflict(review[row].key)):
        review.settle(row, sorted(conflict.versions)[value % len(conflict.versions)])
    elif kind in ("undo", "redo"):
        getattr(review, kind)()


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("EXAMPLES", "12")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts, st.permutations(NAMES), st.randoms(use_true_random=False))
def test_random_journals_merged_in_random_order_give_one_state(tmp_path_factory, acts, order, rng):
    folder = tmp_path_factory.mktemp("merge")
    desks = {name: desk(folder / name, data(4)) for name in NAMES}
    for name, kind, row, value in [*acts, *((name, "send", 0, 1) for name in NAMES)]:
        rb.reviewer(name)
        if kind != "send":
            act(desks[name], kind, row, value)
        elif any(event.data.get("by") == name for event in desks[name].store.events("review")):
            desks[name].send(folder / f"{name}.jsonl")
            if value > 2:
                as_(NAMES[row % 3], partial(desks[NAMES[row % 3]].merge, folder / f"{name}.jsonl"))
    files = [path for name in order if (path := folder / f"{name}.jsonl").exists()]
    states = []
    for name in NAMES:
        rb.reviewer(name)
        for path in [*rng.sample(files, len(files)), *files[:1]]:
            desks[name].merge(path)
        fresh = Decisions(Store(folder / name))
        for decisions in (desks[name].decisions, fresh):
            roots = sorted(decisions.roots)
            state = [(r, decisions.of(r), decisions.conflict(r), decisions.names(r)) for r in roots]
            states.append((state, decisions.verdicts()))
    for one, other in itertools.pairwise(states):
        assert one == other
    for review in desks.values():
        review.store.close()


def test_an_act_of_another_that_comes_late_is_folded_where_it_belongs(tmp_path):
    """Ana's undo is known before the act of hers that it takes back: the files came in the wrong order."""
    ana, ben = desk(tmp_path / "a"), desk(tmp_path / "b")
    as_("ana", lambda: ana.accept(0).undo().send(tmp_path / "ana.jsonl"))
    header, act, undo = (tmp_path / "ana.jsonl").read_text().splitlines()
    for name, lines in (("late", [header, undo]), ("first", [header, act])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    as_("ben", lambda: ben.accept(1).merge(tmp_path / "late.jsonl"))
    assert "not known" in ben.notes[0]
    ben.merge(tmp_path / "first.jsonl")
    assert ben.frame.df["verdict"].tolist()[:2] == [None, "accepted"] and "not known" not in str(ben.notes)


def test_old_journals_stay_as_they_were(tmp_path):
    """Events as an older version wrote them: undo without a name of its own, some signed and some not."""
    store = Store(tmp_path)
    review = opened(data(), store)
    [a, b] = review.frame.keys[:2]
    said = {"before": {a: {"verdict": None}}, "after": {a: {"verdict": "accepted"}}, "aliases": {}}
    events = [("decision", {"id": "1", **said, "by": "ana"}), ("undo", {"id": "1"}), ("redo", {"id": "1"}),
              ("decision", {"id": "2", "before": {b: {"rating": None}}, "after": {b: {"rating": 3}}}),
              ("undo", {"id": "2"})]  # fmt: skip
    store.append("review", [Event(kind, told, 100.0 - i) for i, (kind, told) in enumerate(events)])
    decisions = Decisions(store)
    assert (decisions.of(a).verdict, decisions.of(b).rating, decisions.set_aside) == ("accepted", None, [])
