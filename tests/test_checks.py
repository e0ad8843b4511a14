"""The checks: what they flag, and that ordinary rows stay clean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbook.quality.checks import Checks, check, injected
from tests import injection_texts as texts


def rows(n=20):
    return [
        ({"Intent": f"wants a refund for order {i}", "Amount": 10 + i}, f"You get ${10 + i}.00 back.")
        for i in range(n)
    ]


def test_ordinary_rows_are_clean():
    assert all(row.names == () and row.suspicion == 0 for row in check(rows()))


@pytest.mark.parametrize(
    ("reasoning", "response", "flag"),
    [
        ({"Intent": "wants a refund", "Amount": 99}, "You get $12 back.", "contradicted"),
        (
            {"Intent": "as stated in the response, a refund is due", "Amount": 12},
            "You get $12 back.",
            "leaked",
        ),
        ({"Intent": "", "Amount": 12}, "You get $12 back.", "blank"),
        ({"Intent": "I'm sorry, I cannot help with that", "Amount": 12}, "You get $12 back.", "refused"),
        ({"Intent": "the customer wants money back. " * 4, "Amount": 12}, "You get $12 back.", "repeated"),
        ({"Intent": " ".join(f"word{i}" for i in range(400)), "Amount": 12}, "You get $12 back.", "too long"),
    ],
)
def test_each_flag(reasoning, response, flag):
    row = check([*rows(), (reasoning, response)])[-1]
    assert row.names == (flag,) and row.suspicion > 0


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("I'm sorry, but I can't help with that.", "refused"),
        ("I’m sorry, but I can’t assist.", "refused"),
        ("Sorry, I cannot help.", "refused"),
        ("N/A", "placeholder"),
        ("n / a.", "placeholder"),
        ("...", "placeholder"),
        ("…", "placeholder"),
        ("string", "placeholder"),
        ("<>", "placeholder"),
        ("TBD", "placeholder"),
        ("Lorem ipsum dolor", "placeholder"),
        ("\u200b\u200b", "blank"),
        ("\ufeff \u2060", "blank"),
    ],
)
def test_a_value_that_is_none_is_flagged(value, flag):
    assert check([*rows(), ({"Intent": value, "Amount": 12}, "You get $12 back.")])[-1].names == (flag,)


@pytest.mark.parametrize(
    "value", ["none", "unknown", "not stated", "text", "+", "😀", "strings", "sorry customer"]
)
def test_a_short_value_may_be_one(value):
    assert check([*rows(), ({"Intent": value, "Amount": 12}, "You get $12 back.")])[-1].names == ()


COPY = (
    "Your kettle is covered for two years, so we send you a new lid free of charge, by Friday at the latest."
)


@pytest.mark.parametrize(
    "reasoning, response, request_, found",
    [
        ({"Why": f"The customer is told: {COPY}"}, COPY, "The lid broke.", True),
        ({"Why": COPY.upper().replace(",", ""), "Urgency": "low"}, COPY, "", True),
        ({"Why": COPY[:70]}, COPY, "", True),  # most of it
        ({"Why": "Lid broken, bought in May.", "Then": COPY[20:]}, COPY, "", True),  # over the fields
        (
            {"Why": "Kettles are covered for two years and a lid is a spare part."},
            COPY,
            "The lid broke.",
            False,
        ),
        ({"Why": COPY[:30]}, COPY, "", False),
        ({"Decision": "Refund of $108."}, "Refund of $108.", "", False),  # a field states a short answer
        ({"Why": COPY}, COPY, f"You wrote: {COPY} Nothing came.", False),  # both quote the request
    ],
)
def test_a_copied_answer_is_found_and_a_derived_one_is_not(reasoning, response, request_, found):
    assert ("copied" in check([(reasoning, response, (), request_)])[0].names) == found


def test_what_is_not_stated_is_not_blank_unless_nothing_is():
    some, nothing = check([({"Days": None, "Intent": "a refund"}, "Yes."), ({"Days": None}, "Yes.")])
    assert some.names == ("not stated",) and some.suspicion < 1
    assert nothing.names == ("blank", "not stated")


@pytest.mark.parametrize("rows, found", [(texts.ORDERS, True), (texts.HARMLESS, False)])
def test_orders_in_a_row_are_flagged_and_what_only_looks_like_them_is_not(rows, found):
    assert len(rows) >= 40
    wrong = [text for text, reasoning in rows if bool(injected(text, reasoning)) != found]
    assert wrong == []


def test_the_rates_of_the_injection_check_on_texts_it_was_not_made_for():
    """What it does on texts written after it stood; a lower figure is a check that got worse."""
    caught = [bool(injected(text, reasoning)) for text, reasoning in texts.UNSEEN_ORDERS]
    false = [text for text, reasoning in texts.UNSEEN_HARMLESS if injected(text, reasoning)]
    assert false == [] and sum(caught) / len(caught) >= 0.7


def test_an_injected_row_is_flagged_and_stays():
    text, reasoning = texts.ORDERS[0]
    checks = Checks([*rows(), (reasoning, "Yes.", (), text)])
    assert checks.flags[-1].names == ("injection",) and len(checks) == 21
    checks.update(20, reasoning, "Yes.", (), "Where is my parcel?")
    assert checks.flags[-1].names == ()


def test_rows_without_reasoning_are_not_judged():
    assert check([(None, "x"), ({}, None)])[0].names == ()


def test_contradiction_needs_a_field_that_states_the_answer():
    loose = [({"Tone": "calm"}, f"answer {i}") for i in range(20)]
    assert all(row.names == () for row in check(loose))


def test_a_row_that_another_edit_makes_stand_out():
    """With one row more `Amount` states the answer in nine of ten, and so the tenth contradicts."""
    long = {"Intent": " ".join(f"word{i}" for i in range(80)), "Amount": 99}
    checks = Checks([*rows(8), (long, "You get $12 back."), (None, None)])
    assert checks.flags[8].names == ("too long",)
    before = checks.flags
    checks.update(9, {"Intent": "wants money", "Amount": 5}, "You get $5 back.")
    assert checks.flags[8].names == ("contradicted", "too long")
    assert checks.flags is not before, "views hear that more than the edited row has changed"
    before = checks.flags
    checks.update(0, {"Intent": "other words", "Amount": 7}, "You get $7 back.")
    assert checks.flags is before


def test_values_that_no_number_type_holds():
    assert check([({"Amount": 10**400, "Share": float("nan"), "Rate": float("inf")}, "$1")])[0].names == (
        "blank",
    )


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 30),
    st.floats(allow_nan=True),
    st.sampled_from(
        [
            "",
            " ",
            "$7",
            "as the response says",
            "I'm sorry",
            "so it is so it is. " * 6,
            "w " * 450,
            "long" * 150,
        ]
    ),
    st.text(max_size=8),
    st.lists(st.text(max_size=3), max_size=2),
)
some_rows = st.tuples(
    st.one_of(st.none(), st.dictionaries(st.sampled_from(["Intent", "Amount", "Rule"]), values)),
    st.one_of(st.sampled_from([None, "", "You get $7 back.", "long" * 9]), st.integers(0, 30).map("${} back".format)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    start=st.lists(some_rows, max_size=8),
    ordinary=st.integers(0, 14),
    edits=st.lists(st.tuples(st.integers(0, 99), some_rows), max_size=12),
)
@pytest.mark.slow
def test_after_any_edits_it_says_what_a_fresh_look_says(start, ordinary, edits):
    now = rows(ordinary) + start
    checks = Checks(now)
    for number, row in edits:
        if now:
            now[number % len(now)] = row
            checks.update(number % len(now), *row)
            assert checks.flags == check(now)
    assert checks.flagged("any").tolist() == [bool(row.names) for row in check(now)]
    assert checks.suspicion.tolist() == [row.suspicion for row in check(now)]
