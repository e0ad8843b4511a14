"""Edits are held to the schema; a repaired pair is ok; notes, tags and later; rows are found by fields and columns."""

from __future__ import annotations

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout
from reasonbook.errors import ReasonbookError, ReviewError
from reasonbook.review import Review
from reasonbook.review.edit_rules import FieldError
from reasonbook.review.query import condition
from reasonbook.store import Store, default_store

LAYOUT = Layout(prompt="prompt", response="response")


def schema():
    return rb.Schema([
        rb.Field("Intent", "Say what is asked for.", required=True),
        rb.Field("Urgency", "Judge it.", type="choice", options=["low", "normal", "high"]),
        rb.Field("Amount", "Give the amount.", type="number", minimum=0, maximum=500),
        rb.Field("Damaged", "Say whether it is damaged.", type="boolean"),
        rb.Field("Steps", "List the steps.", type="list"),
        rb.Field("Hint", "Anything else.", optional=True),
    ])  # fmt: skip


def tell(prompt):
    i = int(prompt.rsplit(" ", 1)[1])
    urgency = ["low", "normal", "high"][i % 3]
    return {
        "Intent": f"refund {i}",
        "Urgency": urgency,
        "Amount": i,
        "Damaged": i % 2 == 0,
        "Steps": ["look"],
        "Hint": None,
    }


@pytest.fixture
def df(home):
    df = pd.DataFrame({
        "prompt": [f"refund order {i}" for i in range(12)], "response": [f"${i}" for i in range(12)],
        "customer": ["Ana", "Bo", None] * 4, "day": pd.date_range("2026-05-01", periods=12), 7: range(12),
    })  # fmt: skip
    df.reason.augment(schema(), teacher=tell).wait()
    return df


WRONG = [
    ({"Urgency": "banana"}, "Row 3: 'Urgency' must be one of", "low"),
    ({"Urgency": "hihg"}, "not 'hihg'", "'high'"),
    ({"Amount": "abc"}, "'Amount' must be a number, not 'abc'", "review.edit(3, {'Amount': 0})"),
    ({"Amount": 501}, "'Amount' must be at most 500", "review.edit(3"),
    ({"Amount": True}, "'Amount' must be a number", "review.edit(3"),
    ({"Damaged": "yes"}, "'Damaged' must be true or false", "True"),
    ({"Steps": "look"}, "'Steps' must be a list of texts", "…"),
    ({"Intent": "  "}, "'Intent' is empty", "…"),
    ({"Intent": None}, "'Intent' is missing", "…"),
    ({"Amonut": 3}, "'Amonut' is no field of this row", 'Did you mean "Amount"?'),
]


@pytest.mark.parametrize("where", ["this kernel", "another kernel"])
@pytest.mark.parametrize("edit, words, fix", WRONG)
def test_what_the_schema_forbids_is_refused(df, where, edit, words, fix):
    df = df if where == "this kernel" else df.copy()  # of a copy nothing but the store knows the schema
    review = df.reason.review()
    with pytest.raises(ReviewError) as refused:
        review.edit(3, edit)
    assert words in refused.value.problem and fix in refused.value.fix
    assert not review.can_undo and df.at[3, "reasoning"]["Amount"] == 3
    if "review.edit(3" in refused.value.fix:
        exec(refused.value.fix, {"review": review})


def test_an_edit_that_fits_is_written_in_its_clean_form(df):
    review = df.copy().reason.review()
    review.edit(3, {"urgency": " HIGH ", "Amount": 4.0, "Hint": "x", "Steps": ("a", "b")})
    got = review[3].reasoning
    assert (got["Urgency"], got["Amount"], got["Hint"], got["Steps"]) == ("high", 4, "x", ["a", "b"])
    assert list(got) == list(schema().names)
    review.edit(3, {"Hint": None})
    assert review[3].reasoning["Hint"] is None
    with pytest.raises(ReviewError, match="response takes"):
        review.edit(3, response=5)
    with pytest.raises(ReviewError, match="Did you mean"):
        review.edit(3, {"Amount": 9}, ratign=3)
    for bad in ("all", None, [1.5], ["a"]):
        with pytest.raises(ReviewError, match=r"rows takes|positions"):
            review.accept(bad)


def test_of_several_schemas_with_the_same_names_each_row_is_held_to_its_own(df):
    other = rb.Schema(schema()).update("Amount", maximum=1_000_000)
    wider = df.drop(columns=[c for c in df if str(c).startswith("reasoning")])
    wider.reason.augment(other, teacher=lambda prompt: {**tell(prompt), "Intent": "another"}).wait()
    both = pd.concat([df, wider], ignore_index=True)
    review = both.reason.review()
    review.edit(15, {"Amount": 9_000}).edit(15, {"Amount": 9_001})
    with pytest.raises(FieldError, match="at most 500"):
        review.edit(3, {"Amount": 9_000})


def test_where_no_schema_is_known_a_value_keeps_its_type(tmp_path):
    df = pd.DataFrame({
        "prompt": ["a", "b"], "response": ["x", "y"],
        "reasoning": [{"Text": "t", "Number": 3, "Flag": True, "Items": ["i"], "Nothing": None}, None],
    })  # fmt: skip
    review = Review(Frame(df, LAYOUT), Store(tmp_path))
    for edit in ({"Number": "abc"}, {"Flag": "yes"}, {"Items": "i"}, {"Text": 5}, {"Txet": "a"}):
        with pytest.raises(FieldError, match="Row 0"):
            review.edit(0, edit)
    review.edit(0, {"Number": 2.5, "Flag": False, "Items": [], "Text": "", "Nothing": 5})
    assert review[0].reasoning == {"Number": 2.5, "Flag": False, "Items": [], "Text": "", "Nothing": 5}
    assert review.edit(1, {"Free": "words"})[1].reasoning == {"Free": "words"}


def test_reasoning_that_is_written_by_hand_is_whole(df):
    df.at[4, "reasoning"] = None
    df.at[4, "reasoning_status"] = "error"
    review = df.copy().reason.review()
    with pytest.raises(FieldError, match="'Urgency' is missing") as refused:
        review.edit(4, {"Intent": "refund"})
    assert set(refused.value.fields) == {"Urgency", "Amount", "Damaged", "Steps"}
    review.edit(4, {**tell("x 4"), "Intent": "by hand"})
    assert review[4].status == "ok"
    assert review.undo()[4].status == "error", "what it was before"


# -- repair ------------------------------------------------------------------------------------------------------
def repaired(review, row, answer):
    return review.repair(row, f"about {row}: {answer}", teacher=lambda request: answer).wait()


def test_a_repair_is_ok_as_a_pair_and_a_rating_survives_it(df):
    review = df.copy().reason.review()
    for row, answer in enumerate([
        {"reasoning": {**tell("x 0"), "Amount": 5}, "response": "$5"},
        {"reasoning": tell("x 1"), "response": "$9"},
        {"reasoning": {**tell("x 2"), "Amount": 8}, "response": "$2"},
    ]):  # fmt: skip
        review.rate(row, 4)
        repaired(review, row, answer).accept()
        assert review[row].status == "ok" and review[row].decision.rating == 4, row
    assert review[1].response == "$9" and review.counts["stale"] == 0
    review.edit(5, response="$50")
    assert review[5].status == "stale"
    repaired(review, 5, {"reasoning": {**tell("x 5"), "Amount": 50}, "response": "$50"}).accept()
    assert review[5].status == "ok"


def test_a_repair_that_changes_nothing_says_so(df):
    review = df.copy().reason.review()
    repair = repaired(review, 3, {"reasoning": tell("x 3"), "response": "$3"})
    assert repair.changes == {} and "The teacher changed nothing" in repair._repr_html_()
    assert "accept()" not in repair._repr_html_()
    assert repair.accept() is review and not review.can_undo
    assert set(repaired(review, 3, {"reasoning": tell("x 3"), "response": "$4"}).changes) == {"response"}


# -- notes, tags, later --------------------------------------------------------------------------------------------
def test_notes_tags_and_later_are_journalled_undoable_and_found(df):
    before = list(df.columns)
    review = df.reason.review()
    review.note(2, " ask Ana ").tag([1, 2], "odd", "fee").later([2, 3])
    assert list(df.columns) == before, "the frame is the user's"
    fresh = df.copy().reason.review()
    assert (fresh[2].decision.note, fresh[2].decision.tags, fresh[2].decision.later) == (
        "ask Ana",
        ("odd", "fee"),
        True,
    )
    assert fresh.where(tag="odd").tolist() == [1, 2] and fresh.where(note=True).tolist() == [2]
    assert fresh.where(later=True).tolist() == [2, 3] and len(fresh.where(later=False, note=False)) == 10
    assert fresh.where(text="ask ana").tolist() == [2]
    assert fresh.tags == {"odd": 2, "fee": 2} and fresh.aside == 2
    fresh.untag(1, "odd").note(2, None).accept(2)
    assert fresh[1].decision.tags == ("fee",) and fresh[2].decision.note is None
    assert not fresh[2].decision.later, "what is decided is not for later"
    fresh.undo().undo().undo().undo()
    assert fresh.where(later=True).size == 0 and fresh.tags == {"odd": 2, "fee": 2}
    assert fresh.redo().accept_all(passing=False).where(verdict="undecided").tolist() == [2, 3], (
        "put aside is not accepted"
    )
    for wrong in (
        lambda: review.tag(0),
        lambda: review.tag(0, " "),
        lambda: review.tag(0, 3),
        lambda: review.note(0, 3),
    ):
        with pytest.raises(ReviewError):
            wrong()


# -- found by what stands in a row ---------------------------------------------------------------------------------
@pytest.mark.parametrize("wanted, cells", [
    ("hig", ["high"]), ("=high", ["high"]), ("!=high", ["HIGHER", 3, None, True, ["a", "high fee"]]), (3, [3]),
    (">= 3", [3]), ("3..4", [3]), ("< 3", []), ("empty", [None]),
    ("not empty", ["high", "HIGHER", 3, True, ["a", "high fee"]]),
    ("=a", [["a", "high fee"]]), (True, [True]), ("yes", [True]), (None, [None]), (["high", 3], ["high", 3]),
])  # fmt: skip
def test_what_a_cell_has_to_be(wanted, cells):
    fits = condition(wanted)
    found = [cell for cell in ["high", "HIGHER", 3, None, True, ["a", "high fee"]] if fits(cell)]
    if wanted == "hig":
        cells = ["high", "HIGHER", ["a", "high fee"]]
    assert found == cells


def test_rows_are_found_and_ordered_by_fields_and_columns(df):
    review = df.reason.review()
    assert review.where(field={"Urgency": "=high"}).tolist() == [2, 5, 8, 11]
    assert review.where(field={"Amount": "3..5", "Damaged": False}).tolist() == [3, 5]
    assert review.where(column={"customer": "ana", "day": ">= 2026-05-08"}).tolist() == [9]
    assert review.where(column={"7": ">10"}).tolist() == [11]
    assert review.where(column={"customer": None}).tolist() == [2, 5, 8, 11]
    assert review.where(sort="field:Amount", descending=True).tolist() == list(range(11, -1, -1))
    assert review.where(sort="column:customer").tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]
    assert review.where(sort="column:customer", descending=True).tolist()[-4:] == [2, 5, 8, 11]
    assert review.where(sort="rating", descending=False).size == 12
    assert (
        review.values("field", "Urgency") == ["low", "normal", "high"]
        and review.values("column", "day") == []
    )
    with pytest.raises(ReviewError, match='Did you mean "Urgency"'):
        review.where(field={"Urgancy": "high"})
    with pytest.raises(ReviewError, match='Did you mean "customer"'):
        review.where(column={"custmer": "Ana"})
    with pytest.raises(ReviewError, match="is no sort"):
        review.where(sort="customer")
    with pytest.raises(ReviewError, match="field takes"):
        review.where(field="Urgency")


def test_a_sample_has_the_other_columns_of_its_row(df):
    review = df.reason.review()
    assert review[4].columns["customer"] == "Bo" and review[4].columns["7"] == 4
    assert not {"prompt", "response", "reasoning", "reasoning_status", "verdict"} & set(review[4].columns)


def test_a_schema_on_record_that_cannot_be_read_hinders_nobody(df):
    from reasonbook.events import Event

    for data in (
        {},
        [],
        {"origin": 3, "keys": {}},
        {"origin": {"schema": {"fields": 3}}, "keys": {"request": [], "whole": [{}], "text": ""}},
    ):
        default_store().append("origin", [Event("origin", data)])
    with pytest.raises(ReasonbookError, match="must be one of"):
        df.copy().reason.review().edit(3, {"Urgency": "banana"})
