"""The review: decisions reach journal and frame, survive a restart, and can be undone."""

import threading

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout
from reasonbook.decisions import Decisions
from reasonbook.errors import ReviewError
from reasonbook.review import Review
from reasonbook.review.samples import Query
from reasonbook.store import Store


def data(n=12):
    return pd.DataFrame(
        {
            "prompt": [f"refund order {i}" for i in range(n)],
            "response": [f"${i}" for i in range(n)],
            "reasoning": [{"Intent": "refund", "Amount": i} for i in range(n)],
            "reasoning_status": ["ok"] * n,
            "reasoning_error": [None] * n,
        }
    )


def opened(df, store):
    return Review(Frame(df, Layout(prompt="prompt", response="response")), store)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_verdict_and_rating_reach_the_frame_and_a_fresh_one(store, tmp_path):
    df = data()
    opened(df, store).accept([0, 1]).reject(2).rate(0, 5).rate(1, 2).clear(1)
    assert df["verdict"].tolist()[:4] == ["accepted", None, "rejected", None]
    assert df["rating"].tolist()[0] == 5 and df["rating"].isna().tolist()[1]
    store.close()
    fresh = data()
    review = opened(fresh, Store(tmp_path))
    assert fresh["verdict"].tolist() == df["verdict"].tolist()
    assert review.counts == {"accepted": 1, "rejected": 1, "undecided": 10, "stale": 0, "rows": 12}


def test_an_edited_response_makes_its_reasoning_stale_until_looked_at(store):
    df = data()
    review = opened(df, store).edit(3, response="$30")
    assert (df.at[3, "response"], df.at[3, "reasoning_status"]) == ("$30", "stale")
    assert review[3].data_response == "$3" and review.counts["stale"] == 1
    review.edit(3, {"Amount": 30})
    assert df.at[3, "reasoning_status"] == "ok" and df.at[3, "reasoning"] == {
        "Intent": "refund",
        "Amount": 30,
    }
    assert review[3].teacher_reasoning == {"Intent": "refund", "Amount": 3}
    review.edit(4, {"Amount": 40}, "$40")
    assert df.at[4, "reasoning_status"] == "ok" and df.at[4, "response"] == "$40"
    review.edit(5, response="$50").confirm(5)
    assert df.at[5, "reasoning_status"] == "ok"


def test_undo_and_redo_bring_every_cell_back(store, tmp_path):
    df = data()
    review = opened(df, store)
    before = df.copy(deep=True)
    review.edit(3, response="$30").edit(3, {"Amount": 30}).accept([3, 4]).rate(4, 4)
    after = df.copy(deep=True)
    assert review.can_undo and not review.can_redo
    for _ in range(4):
        review.undo()
    assert not review.can_undo
    pd.testing.assert_frame_equal(df[before.columns], before)
    assert df["verdict"].isna().all() and df["rating"].isna().all()
    for _ in range(4):
        review.redo()
    pd.testing.assert_frame_equal(df, after)
    review.undo()
    again = data()
    later = opened(again, Store(tmp_path))
    assert later.can_redo and again["rating"].isna().all() and again.at[3, "response"] == "$30"
    later.redo()
    assert again.at[4, "rating"] == 4


def test_a_new_act_ends_redo(store):
    review = opened(data(), store).accept(0).undo().reject(1)
    assert not review.can_redo
    assert review.redo().counts["accepted"] == 0


def test_a_frame_saved_with_its_edits_finds_its_decisions(store, tmp_path):
    df = data()
    opened(df, store).edit(3, {"Amount": 30}, "$30").reject(3)
    df.drop(columns="verdict").to_parquet(tmp_path / "saved.parquet")
    saved = pd.read_parquet(tmp_path / "saved.parquet").sample(frac=1, random_state=1)
    review = opened(saved, store)
    [row] = review.where(verdict="rejected")
    assert saved["response"].iloc[row] == "$30" and review[row].data_response == "$3"


def test_equal_rows_have_decisions_of_their_own(store):
    df = data()
    df.loc[:2, "prompt"], df.loc[:2, "response"] = "same", "$1"
    opened(df, store).accept(0).reject(1)
    assert df["verdict"].tolist()[:3] == ["accepted", "rejected", None]


def test_an_edit_that_makes_two_rows_equal_does_not_mix_them(store):
    df = data()
    df["prompt"] = "same"
    review = opened(df, store).reject(1).edit(0, {"Amount": 1}, "$1")
    assert review[0].decision.verdict is None and review[1].decision.verdict == "rejected"
    fresh = data()
    fresh["prompt"] = "same"
    opened(fresh, store)
    assert fresh["verdict"].tolist()[:2] == [None, "rejected"] and fresh["response"].tolist()[:2] == [
        "$1",
        "$1",
    ]


def test_two_notebooks_see_each_others_decisions(store, tmp_path):
    one, two = data(), data()
    first, second = opened(one, store), opened(two, Store(tmp_path))
    first.accept(0)
    second.reject(1)
    second.refresh()
    assert second.counts["accepted"] == 1 and two["verdict"].tolist()[:2] == ["accepted", "rejected"]
    assert Decisions(store).of(first.frame.keys[1]).verdict == "rejected"


def test_from_another_thread_the_journal_is_at_once_and_the_frame_on_its_own(store):
    df = data()
    review = opened(df, store)
    thread = threading.Thread(target=lambda: review.accept(0).edit(0, response="$99").rate(0, 3))
    thread.start()
    thread.join()
    assert "verdict" not in df.columns and df.at[0, "response"] == "$0"
    assert Decisions(store).of(review.frame.keys[0]).verdict == "accepted" and review[0].response == "$99"
    review.mailbox.drain()
    assert (df.at[0, "verdict"], df.at[0, "response"], df.at[0, "rating"]) == ("accepted", "$99", 3)


def test_decisions_find_rows_that_moved(store):
    df = data()
    review = opened(df, store)
    df.sort_values("prompt", ascending=False, inplace=True)
    review.accept(0)
    assert df.loc[df["verdict"] == "accepted", "prompt"].tolist() == ["refund order 0"]


def test_queries(store):
    df = data()
    df.loc[7, "reasoning_status"] = "error"
    review = opened(df, store).accept([0, 1]).rate(1, 5).rate(2, 3)
    assert review.where(verdict="accepted").tolist() == [0, 1]
    assert review.where(rating=4).tolist() == [1]
    assert review.where(status="error").tolist() == [7]
    assert review.where(text="ORDER 11").tolist() == [11]
    assert review.where(Query(sort="rating")).tolist()[:2] == [1, 2]
    with pytest.raises(ReviewError, match='Did you mean "accepted"'):
        review.where(verdict="accepte")


@pytest.mark.slow
def test_search_and_flags_follow_every_act(store, tmp_path):
    """Through edits, undo, redo and another notebook's decisions they say what a fresh review says."""
    df, random = data(40), np.random.default_rng(7)
    review = opened(df, store)
    texts = ["I'm sorry, no.", "as the response says", "", "refund", "all the same again and again. " * 4]
    assert not review.where(flag="any").size and not review.where(text="sorry").size
    for turn in range(60):
        row, act = int(random.integers(40)), random.integers(5)
        text = texts[int(random.integers(len(texts)))]
        if act == 0:
            review.undo()
        elif act == 1:
            review.redo()
        elif act == 2:
            review.edit(row, response=f"${random.integers(50)}")
        else:
            review.edit(row, {"Intent": text, "Amount": int(random.integers(50))})
        if turn % 10 == 9:
            fresh = opened(df.copy(), store)
            assert review.flags == fresh.flags
            for query in ({"flag": "any"}, {"flag": "refused"}, {"text": "sorry"}, {"sort": "suspicion"}):
                assert review.where(**query).tolist() == fresh.where(**query).tolist(), query
    assert any(row.names for row in review.flags)


@pytest.mark.slow
def test_rows_are_decided_and_edited_while_all_are_checked(store):
    df = data(20_000)
    review = opened(df, store)
    looking = threading.Thread(target=lambda: review.flags)
    looking.start()
    for row in range(0, 200, 10):
        review.edit(row, {"Intent": "I'm sorry, I cannot say"})
    looking.join()
    assert review.where(flag="refused").tolist() == list(range(0, 200, 10))


def test_accept_all_leaves_flagged_and_failed_rows(store):
    df = data(15)
    df.at[5, "reasoning"] = {"Intent": "as the response says", "Amount": 5}
    df.loc[7, "reasoning_status"] = "error"
    review = opened(df, store).accept_all()
    assert review.where(verdict="undecided").tolist() == [5, 7]
    assert review.where(sort="suspicion").tolist()[0] == 5
    assert opened(df, store).accept_all(passing=False).where(verdict="undecided").tolist() == [7]


def test_a_wrong_answer_of_the_example_is_not_accepted(home):
    """One response in ten is another amount than the reasoning works out, as text beside a sum."""
    df = rb.examples.refunds(100, seed=3)
    df.loc[::10, "response"] = "$999"
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    review = df.reason.review()
    assert review.findings["contradicted"] == 10 and review[10].findings[0].field == "Amount"
    assert review[10].findings[0].words.endswith("the response says $999")
    review.accept_all()
    left = set(review.where(verdict="undecided").tolist())
    assert left.issuperset(range(0, 100, 10)) and len(left) <= 12, "few right rows stay behind with them"
    assert "Checked: " in review.notes[-1] and "contradicted" in review.notes[-1]


def test_what_is_decided_of_flagged_rows_tells_how_far_to_trust_the_flag(home):
    df = rb.examples.refunds(60, seed=3)
    right = df["response"][3]
    df.loc[:3, "response"] = "$999"
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    review = df.reason.review()
    review.reject([0, 1]).accept([2, 10, 11])
    assert review.flags[3].names
    review.edit(3, response=right)
    assert review.flags[3].names == (), "it has lost its flag, and counts with the one that it had"
    for trust in (review.calibration, df.reason.quality().calibration):
        assert (trust["contradicted"].decided, trust["contradicted"].wrong) == (4, 3)
        assert (trust["no flag"].decided, trust["no flag"].wrong) == (2, 0)
        said = "of 4 flagged rows that you have decided, 3 were rejected or edited: 75 %"
        assert str(trust["any"]).startswith(said)
    assert trust.to_frame().loc[0, "flag"] == "any"


def test_cursor_survives_and_rows_are_checked(store, tmp_path):
    review = opened(data(), store)
    review.cursor = 8
    assert opened(data(), Store(tmp_path)).cursor == 8
    for bad in (12, -13):
        with pytest.raises(ReviewError, match="no row"):
            review.accept(bad)
    with pytest.raises(ReviewError, match="no rating"):
        review.rate(0, 6)
    with pytest.raises(ReviewError, match="empty"):
        review.edit(0, response="  ")
    assert review.edit(0, response="$0").can_undo is False, "an edit that changes nothing is no act"


def test_events_tell_views_what_changed(store):
    review = opened(data(), store)
    seen = []
    review.stream.subscribe(
        lambda e: seen.append((e.kind, e.data["positions"], e.data["counts"]["accepted"]))
    )
    review.accept(np.array([3, 4])).undo().redo()
    assert seen == [("decision", [3, 4], 2), ("undo", [3, 4], 0), ("redo", [3, 4], 2)]


def test_a_frame_without_reasoning_can_be_reviewed(store):
    df = data()[["prompt", "response"]]
    review = opened(df, store).accept(0).edit(1, response="$11")
    assert list(df.columns) == ["prompt", "response", "verdict", "rating"] or list(df.columns)[:3] == [
        "prompt", "response", "verdict",
    ]  # fmt: skip
    assert review.counts["stale"] == 0


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_decided_in_bulk(store):
    df = data(100_000)
    review = opened(df, store)
    review.accept(review.where(text="order 9"))
    assert (df["verdict"] == "accepted").sum() == sum("order 9" in p for p in df["prompt"])
    review.undo()
    assert df["verdict"].isna().all()


def tell(prompt, response):
    """A teacher that is a function: it reads the request again."""
    return {"Intent": "wants money back", "Amount": int(prompt.rsplit(" ", 1)[1]) * 2}


def test_a_repair_proposes_and_changes_nothing_until_it_is_accepted(store):
    df = data()
    review = opened(df, store).rate(3, 1)
    repair = review.repair(3, "the amount is twice as high", teacher=tell).wait()
    assert df.at[3, "reasoning"] == {"Intent": "refund", "Amount": 3}
    assert repair.proposal.reasoning == {"Intent": "wants money back", "Amount": 6}
    assert "wants money back" in repair._repr_html_()
    repair.accept()
    assert df.at[3, "reasoning"]["Amount"] == 6 and df.at[3, "reasoning_status"] == "ok"
    assert df["rating"].tolist()[3] == 1, "a rating survives"
    review.undo()
    assert df.at[3, "reasoning"]["Amount"] == 3 and df.at[3, "rating"] == 1


def test_a_repair_is_paid_once(store):
    calls = []

    def counted(prompt):
        calls.append(prompt)
        return {"Intent": "x", "Amount": 1}

    review = opened(data(), store)
    review.repair(3, "other", teacher=counted).wait()
    review.repair(3, "other", teacher=counted).wait()
    assert len(calls) == 1
    review.repair(3, "other again", teacher=counted).wait()
    assert len(calls) == 2


def test_a_repair_that_cannot_be_made_says_why(store):
    review = opened(data(), store)
    with pytest.raises(ReviewError, match="needs feedback"):
        review.repair(3, "  ", teacher=tell)
    with pytest.raises(ReviewError, match="needs a teacher"):
        review.repair(3, "wrong")
    failed = review.repair(3, "wrong", teacher=lambda prompt: {"Intent": 7})
    with pytest.raises(Exception, match="must be a text"):
        failed.wait()
