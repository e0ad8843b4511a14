import threading

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout, detect
from reasonbook.review import Review
from reasonbook.store import Store
from reasonbook.widgets.sample_review import SampleReview


def frame(n=30):
    return pd.DataFrame(
        {
            "prompt": [f"request {i}" for i in range(n)],
            "response": [f"answer {i}" for i in range(n)],
            "reasoning": [{"Intent": f"intent {i}", "1": i, "Steps": ["a", "b"]} for i in range(n)],
            "reasoning_status": ["ok"] * n,
            "reasoning_error": [None] * n,
        }
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def open_review(store, n=30, **more):
    df = frame(n)
    return df, Review(Frame(df, detect(df)), store, **more)


@pytest.fixture
def opened(page, store):
    df, review = open_review(store)
    return df, review, page(SampleReview(review))


def act(page, op, position, **args):
    key = page.call("samples", places=[position])[0]["key"]
    return page.call(op, position=position, key=key, **args)


def test_snapshot_holds_one_window_whatever_the_number_of_rows(page, store, tmp_path):
    small = page(SampleReview(open_review(store, 100)[1])).call("snapshot")
    large = page(SampleReview(open_review(Store(tmp_path / "b"), 5000)[1])).call("snapshot")
    assert len(small["window"]["rows"]) == len(large["window"]["rows"]) == 40
    assert [row["position"] for row in large["samples"]] == [0, 1, 2, 3]
    assert large["count"] == 5000
    assert large["samples"][0]["reasoning"] == [["Intent", "intent 0"], ["1", 0], ["Steps", ["a", "b"]]]


def test_decisions_are_the_reviews_own(opened):
    df, review, page = opened
    answer = act(page, "decide", 3, verdict="accepted")
    assert answer["row"]["verdict"] == "accepted"
    assert answer["counts"]["accepted"] == 1
    assert review[3].decision.verdict == "accepted"
    review.mailbox.drain()  # the frame is written on its own thread, whichever the message came on
    assert df["verdict"].iloc[3] == "accepted"
    act(page, "rate", 3, rating=4)
    act(page, "decide", 4, verdict="rejected")
    review.mailbox.drain()
    assert df["rating"].iloc[3] == 4
    assert act(page, "decide", 3, verdict=None)["row"]["rating"] is None
    with pytest.raises(Exception, match="no verdict"):
        act(page, "decide", 3, verdict="maybe")


def test_an_act_for_another_row_than_the_page_saw_is_refused(opened):
    _, review, page = opened
    with pytest.raises(Exception, match="stands elsewhere"):
        page.call("decide", position=3, key="somebody else", verdict="accepted")
    assert review.counts["accepted"] == 0


def test_edit_gives_the_row_back_with_both_texts(opened):
    df, review, page = opened
    answer = act(page, "edit", 0, reasoning={"Intent": "better"}, response=None)
    assert answer["sample"]["reasoning"][0] == ["Intent", "better"]
    assert answer["sample"]["teacher"][0] == ["Intent", "intent 0"]
    review.mailbox.drain()
    assert df["reasoning"].iloc[0]["Intent"] == "better"
    answer = act(page, "edit", 1, reasoning=None, response="another")
    assert (answer["row"]["status"], answer["sample"]["data_response"]) == ("stale", "answer 1")
    assert act(page, "confirm", 1)["row"]["status"] == "ok"


def test_undo_says_where_the_row_stands_in_the_list_shown(opened):
    _, review, page = opened
    review.accept([1, 2])
    act(page, "decide", 7, verdict="rejected")
    page.call("choose", query={"verdict": "rejected"})
    answer = page.call("undo")
    assert answer["place"] == 0
    assert answer["counts"]["rejected"] == 0
    assert page.call("undo")["place"] is None, "it was about two rows"
    assert page.call("redo")["counts"]["accepted"] == 2


def test_list_stays_while_rows_are_decided_and_is_made_anew_on_request(opened):
    _, review, page = opened
    answer = page.call("choose", query={"verdict": "undecided"}, position=5)
    assert (answer["count"], answer["at"]) == (30, 5)
    act(page, "decide", 5, verdict="accepted")
    assert page.call("window", start=0, count=40)["rows"][5]["verdict"] == "accepted"
    answer = page.call("refresh")
    assert answer["count"] == 29
    assert [row["position"] for row in answer["window"]["rows"]][4:6] == [4, 6]
    assert review.counts["accepted"] == 1


def test_bulk_acts_on_the_list_shown_and_on_no_other(opened):
    _, review, page = opened
    first = page.call("snapshot")["list"]
    shown = page.call("choose", query={"text": "request 1"})
    with pytest.raises(Exception, match="has changed"):
        page.call("bulk", act="accept", list=first)
    assert page.call("bulk", act="accept", list=shown["list"])["done"] == 11
    assert review.counts["accepted"] == 11
    page.call("bulk", act="rate", list=shown["list"], value=5)
    assert review[10].decision.rating == 5
    page.call("undo")
    page.call("undo")
    assert review.counts["accepted"] == 0
    with pytest.raises(Exception, match="cannot be done"):
        page.call("bulk", act="repair", list=shown["list"])


def test_acts_in_python_reach_the_page(opened):
    _, review, page = opened
    review.reject([2, 3])
    push = page.wait_for(lambda m: "push" in m)["push"]
    assert [(row["position"], row["verdict"]) for row in push["rows"]] == [(2, "rejected"), (3, "rejected")]
    review.accept(range(30))
    page.wait_for(lambda m: m.get("push", {}).get("counts", {}).get("accepted") == 30)
    review.refresh()
    assert page.wait_for(lambda m: m.get("push", {}).get("whole"))


@pytest.mark.slow
def test_many_changed_rows_are_not_sent_one_by_one(page, store):
    _, review = open_review(store, 1000)
    probe = page(SampleReview(review))
    review.accept(range(900))
    push = probe.wait_for(lambda m: "push" in m)["push"]
    assert push["whole"] and push["rows"] == []


def test_place_is_kept_over_a_new_kernel(page, store):
    _, review = open_review(store)
    probe = page(SampleReview(review))
    probe.call("look", position=17)
    _, again = open_review(store)
    assert again.cursor == 17
    snapshot = page(SampleReview(again)).call("snapshot")
    assert (snapshot["at"], snapshot["samples"][0]["position"]) == (17, 17)


def test_subject_is_the_same_in_another_kernel_and_tells_no_text(store, tmp_path):
    one, two = (SampleReview(open_review(s)[1]) for s in (store, Store(tmp_path / "b")))
    assert one.subject == two.subject
    assert "request" not in one.subject


def test_repair_proposes_and_is_taken_as_one_act(page, store):
    def teacher(request, response):
        return {"Intent": f"repaired {request}", "1": 9, "Steps": ["x"]}

    df, review = open_review(store, teacher=teacher)
    probe = page(SampleReview(review))
    assert probe.call("snapshot")["teacher"] == "teacher"
    offer = act(probe, "repair", 2, feedback="too vague")
    assert dict(offer["reasoning"])["Intent"] == "repaired request 2"
    assert review[2].reasoning["Intent"] == "intent 2"
    answer = act(probe, "take_repair", 2)
    assert dict(answer["sample"]["reasoning"])["Intent"] == "repaired request 2"
    review.mailbox.drain()
    assert df["reasoning"].iloc[2]["1"] == 9
    assert probe.call("undo")["place"] == 2
    assert review[2].reasoning["Intent"] == "intent 2"


def test_repair_without_teacher_or_feedback_says_what_to_do(opened):
    _, _review, page = opened
    with pytest.raises(Exception, match="needs a teacher"):
        act(page, "repair", 0, feedback="x")
    with pytest.raises(Exception, match="needs feedback"):
        act(page, "repair", 0, feedback=" ", teacher="openai:x")
    with pytest.raises(Exception, match="no proposal"):
        act(page, "take_repair", 0)


def test_frame_is_written_on_its_own_thread_only(opened):
    df, review, page = opened
    key = page.call("samples", places=[0])[0]["key"]
    args = {"position": 0, "key": key, "verdict": "accepted"}
    message = {"call": "w.1", "op": "decide", "args": args}
    worker = threading.Thread(target=page.view._received, args=(page.view, message, []))
    worker.start()
    worker.join()
    assert review[0].decision.verdict == "accepted"
    assert "verdict" not in df or df["verdict"].isna().all()
    review.mailbox.drain()
    assert df["verdict"].iloc[0] == "accepted"


def test_odd_rows_are_shown_as_they_are(page, store):
    df = pd.DataFrame(
        {
            "prompt": ["a", None, "", 3.5],
            "response": ["", "b", None, np.nan],
            "reasoning": [None, {"X": np.nan}, {}, {"X": np.float64(1.5), "Y": None}],
            "reasoning_status": [None, "ok", "error", "stale"],
            "reasoning_error": [None, None, "no answer", None],
        }
    )
    review = Review(Frame(df, detect(df)), store)
    probe = page(SampleReview(review))
    snapshot = probe.call("snapshot")
    assert [row["status"] for row in snapshot["window"]["rows"]] == [None, "ok", "error", "stale"]
    assert snapshot["samples"][3]["reasoning"] == [["X", 1.5], ["Y", None]]


def test_empty_frame_opens(page, store):
    df = frame(2).iloc[:0].copy()
    review = Review(Frame(df, Layout(prompt="prompt", response="response")), store)
    snapshot = page(SampleReview(review)).call("snapshot")
    assert snapshot["count"] == 0 and snapshot["samples"] == []


def test_keys_can_be_set_from_python(opened):
    _, review, _ = opened
    view = SampleReview(review, keys={"accept": "y", "reject": ["n", "x"]})
    assert view.keymap == {"accept": ["y"], "reject": ["n", "x"]}
    view.close()


def test_flags_show_once_the_checks_have_run(page, store):
    df = frame(30)
    df.at[4, "reasoning"] = {"Intent": "as stated in the response, yes", "1": 0, "Steps": []}
    review = Review(Frame(df, detect(df)), store)
    probe = page(SampleReview(review))
    assert probe.call("window", start=4, count=1)["rows"][0]["flags"] == []
    probe.call("check")
    assert probe.wait_for(lambda m: "push" in m)["push"]["whole"]
    assert "leaked" in probe.call("window", start=4, count=1)["rows"][0]["flags"]
    assert probe.call("choose", query={"flag": "leaked"})["count"] == 1
    [seen] = [f for f in probe.call("samples", places=[0])[0]["findings"] if f["flag"] == "leaked"]
    assert seen["field"] == "Intent" and seen["text"] == "as stated in the response" and seen["before"] == 0
    probe.call("decide", position=4, key=review[4].key, verdict="rejected")
    assert probe.call("trust")["leaked"].startswith("of 1 rows flagged “leaked” that you have decided, 1 was")
    told = len(probe.pushes)
    probe.call("check")
    assert len(probe.pushes) <= told + 1, "nothing new, nothing said but the new list"


def test_a_refused_edit_says_so_at_its_field_and_changes_nothing(page, store):
    _, review = open_review(store)
    probe = page(SampleReview(review))
    fields = probe.call("samples", places=[0])[0]["fields"]
    assert [(field["name"], field["type"]) for field in fields] == [
        ("Intent", "text"),
        ("1", "number"),
        ("Steps", "list"),
    ]
    answer = act(probe, "edit", 0, reasoning={"1": "many", "Steps": "a"}, response="new")
    assert set(answer["refused"]) == {"1", "Steps"} and "must be a number" in answer["refused"]["1"]
    assert answer["sample"]["reasoning"][1] == ["1", 0] and not review.can_undo
    assert "refused" not in act(probe, "edit", 0, reasoning={"1": 5})


def test_a_known_schema_gives_each_field_its_control(page, store):
    import reasonbook as rb

    schema = rb.Schema(
        [
            rb.Field("Intent", "Say it.", type="choice", options=["a", "b"]),
            rb.Field("Extra", "x", optional=True),
        ]
    )
    df = frame(2)
    df["reasoning"] = [{"Intent": "a"}, None]
    review = Review(Frame(df, detect(df)), store, schema=schema)
    whole, empty = page(SampleReview(review)).call("samples", places=[0, 1])
    assert whole["fields"][0] == {
        "name": "Intent",
        "instruction": "Say it.",
        "type": "choice",
        "options": ["a", "b"],
        "optional": True,  # it may be emptied: nothing says that the field is required
    }
    assert [field["name"] for field in empty["fields"]] == ["Intent", "Extra"] and empty["fields"][1][
        "optional"
    ]


def test_marks_of_a_row_are_acts_and_show_in_the_state(opened):
    df, review, page = opened
    before = list(df.columns)
    assert act(page, "note", 3, note="ask Ana")["row"]["note"] == "ask Ana"
    answer = act(page, "tag", 3, tags=["odd", "fee"])
    assert answer["row"]["tags"] == ["odd", "fee"] and answer["tags"] == {"odd": 1, "fee": 1}
    assert act(page, "tag", 3, tags=["fee"])["tags"] == {"fee": 1}
    assert act(page, "later", 3, later=True)["later"] == 1
    review.mailbox.drain()
    assert list(df.columns) == before
    assert page.call("choose", query={"tag": "fee", "later": True, "note": True})["count"] == 1
    assert page.call("undo")["later"] == 0


def test_other_columns_come_when_they_are_asked_for(page, store):
    df = frame(3)
    df["extra"] = [{"a": [1]}, None, "x" * 9000]
    probe = page(SampleReview(Review(Frame(df, detect(df)), store)))
    snapshot = probe.call("snapshot")
    assert "extra" in snapshot["options"]["column"] and snapshot["options"]["field"] == [
        "Intent",
        "1",
        "Steps",
    ]
    assert "extra" not in str(snapshot["samples"]) and snapshot["notes"] == []
    assert (
        '"a": [' in dict(act(probe, "columns", 0))["extra"] and dict(act(probe, "columns", 1))["extra"] == ""
    )
    assert len(dict(act(probe, "columns", 2))["extra"]) == 4000
    found = probe.call("choose", query={"column": {"extra": "empty"}, "sort": "field:1", "descending": True})
    assert found["count"] == 1 and found["query"]["column"] == {"extra": "empty"}


def test_bulk_says_how_many_rows_it_reaches_before_and_after(opened):
    _, review, page = opened
    review.accept(range(10)).reject(29)
    number = page.call("snapshot")["list"]
    reach = page.call("reach", act="accept", list=number)
    assert (reach["rows"], reach["change"], reach["flagged"]) == (30, 20, 0) and "Checked: " in reach[
        "promise"
    ]
    assert review.counts["accepted"] == 10, "nothing is done yet"
    done = page.call("bulk", act="accept", list=number)
    assert (done["done"], done["changed"]) == (30, 20)
    page.call("bulk", act="tag", list=number, value="seen")
    assert page.call("reach", act="untag", list=number, value="seen")["change"] == 30


def test_what_the_journal_could_not_apply_is_told_to_the_page(page, store):
    from reasonbook.events import Event

    store.append("review", [Event("decision", {"id": 3})])
    probe = page(SampleReview(open_review(store)[1]))
    assert "Set aside" in probe.call("snapshot")["notes"][0]


def test_a_repair_without_a_change_says_so(page, store):
    _, review = open_review(
        store, teacher=lambda request: {"Intent": "intent 2", "1": 2, "Steps": ["a", "b"]}
    )
    assert act(page(SampleReview(review)), "repair", 2, feedback="look again")["same"] is True


def test_a_conflict_is_shown_once_one_has_judged_and_settled_by_one_key(opened, store):
    df, review, page = opened
    rb.reviewer("ana")
    review.accept([0, 1]).edit(2, {"Intent": "sale"}).accept(2)
    try:
        rb.reviewer("ben")
        review.assign({"ben": 0.5})
        mine = page.call("refresh")
        assert (mine["reviewer"], mine["assigned"], mine["count"]) == ("ben", {"ben": 15}, 15)
        assert page.call("choose", query={"assigned": "all"})["count"] == 30
        review.assign({"ana": 1.0, "ben": 1.0})
        assert act(page, "decide", 2, verdict="rejected")["row"]["conflict"]
        answer = act(page, "decide", 0, verdict="rejected")
        assert answer["counts"]["conflict"] == 2 and answer["sample"]["key"] == review[0].key
        versions = answer["sample"]["versions"]
        assert [(v["who"], v["you"], v["verdict"]) for v in versions] == [
            ("ana", False, "accepted"),
            ("ben", True, "rejected"),
        ]
        assert page.call("window", start=1, count=1)["rows"][0]["verdict"] is None, "blind for row 1"
        assert page.call("choose", query={"verdict": "conflict"})["count"] == 2
        assert page.call("refresh")["window"]["rows"][0]["position"] == 0
        settled = page.call("settle", position=0, key=review[0].key, who="ana")
        assert (settled["row"]["verdict"], settled["row"]["conflict"]) == ("accepted", False)
        assert df["verdict"][0] == "accepted"
        assert page.call("undo")["counts"]["conflict"] == 2
    finally:
        rb.reviewer("")
