"""The checks: what they flag, and that ordinary rows stay clean."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reasonbook as rb
from reasonbook.quality.checks import Checks, check, injected
from reasonbook.quality.checks.texts import arithmetic, worked_out
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


NAMES = ("Ana", "Ben", "Chloe", "Deniz", "Emil")


def sums(n=220):
    """Rows that work an amount out of their request."""
    found = []
    for i in range(n):
        price, name = 20 + 3 * i, NAMES[i % 5]
        total, paid = f"2 x {price} = {2 * price}", f"{2 * price} - 7 = {2 * price - 7}"
        fields = {"Intent": f"the wish of {name}", "Sum": total, "Amount": paid}
        request = f"I bought two lamps at ${price} each, 9 days ago, says {name}."
        found.append((fields, f"${2 * price - 7}", (), request))
    return found


@pytest.mark.parametrize(
    "field, value, flag, words",
    [
        ("Sum", "2 x 20 = 41", "sum wrong", "2 x 20 = 40, not 41"),
        ("Sum", "2 x 77 = 154", "unsupported", "77 is not in the request, nor in a field before"),
        ("Intent", "the wish of Goran", "unsupported", "Goran is not in the request, nor in a field before"),
        ("Intent", "33 for Ana", "leaks early", "Intent says 33 before Amount has worked it out"),
        ("Amount", "40 - 8 = 32", "contradicted", "Amount says 32, the response says $33"),
    ],
)
def test_what_was_seen_is_said_with_its_place(field, value, flag, words):
    rows = sums()
    rows[0] = ({**rows[0][0], field: value}, *rows[0][1:])
    checks = Checks(rows)
    assert flag in checks.flags[0].names and not any(flags.names for flags in checks.flags[1:])
    [seen] = [each for each in checks.findings(rows[0]) if each.flag == flag][:1]
    assert (seen.words, seen.field) == (words, field)
    assert seen.span is not None and value[slice(*seen.span)] in words


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("3 x 47 = 120 + 21 = 141", ""),
        ("110 + 22 = 141", "110 + 22 = 132, not 141"),
        ("(3 + 4) × 2 = 15 dollars", "(3 + 4) × 2 = 14, not 15"),
        ("$1,200 - 10% = $1,080", ""),
        ("31 days - 28 days = 4 days", "31 days - 28 days = 3, not 4"),
        ("10 / 3 = 3.33, 19.99 x 1.19 = 23.79", ""),
        ("total = 12 - 5 = 6", "12 - 5 = 7, not 6"),
        ("2x + 3 = 7, so x = 2; 5! = 120; 2^3 + 1 = 9", ""),
        ("from 10:30 - 9:15 = 1:15, pages 3-5 = 3 pages, 17 mod 5 = 2", ""),
        ("__import__('os') = 3, " + "(" * 500 + "1 = 2, " + "1 + " * 1000 + "1 = 3", ""),
    ],
)
def test_sums_are_worked_out_and_what_is_none_says_nothing(text, wrong):
    found = worked_out(text).wrong
    assert (found.words if found else "") == wrong


def test_easy_sums_are_read_as_the_parser_reads_them():
    """Most sums never reach the parser."""
    rng, easy = random.Random(0), 0
    words = ("", "", "So it is ", "Sep 11 to Sep 28: ", "$", "x ", "- ", "(", "3 + ")
    ends = ("", "", ".", " days", "²", " %", ":3", " = 9", "0" * 400)
    for _ in range(3_000):
        sums: list[str] = []
        for _ in range(rng.randint(1, 3)):
            a, b, sign = rng.randint(0, 60), rng.randint(0, 60), rng.choice("+-x")
            right = {"+": a + b, "-": a - b, "x": a * b}[sign] + rng.choice((0, 0, 0, 1))
            sums.append(f"{rng.choice(words)}{a} {sign} {b} = {right}{rng.choice(ends)}")
        text = rng.choice((", ", ". ", ": ", "\n", " ", ",")).join(sums)
        if (found := arithmetic._easily(text)) is not None:
            easy += 1
            assert found == arithmetic._worked_out(text), text
    assert easy > 50


def test_a_check_that_is_off_says_why():
    loose = Checks([({"Amount": f"{i}"}, f"answer {i % 3}") for i in range(20)])
    off = "off, no field states the response in nine of ten rows (best: Amount"
    assert loose.checked["contradicted"].startswith(off)
    assert "Not checked: " in loose.promise and "off schema" in loose.promise
    assert loose.checked["off schema"] == "off, no schema on record has the fields of these rows"


def test_values_are_held_to_their_schema():
    tone = rb.Field("Tone", "Judge it.", type="choice", options=("calm", "angry"))
    schema = rb.Schema([tone, rb.Field("N", "Count.", type="number")])
    rows = [
        ({"Tone": "calm", "N": 3}, "x"),
        ({"Tone": "sad", "N": 3}, "x"),
        ({"Tone": "calm", "N": "many"}, "x"),
    ]
    checks = Checks(rows, lambda names: [schema])
    assert [flags.names for flags in checks.flags] == [(), ("off schema",), ("off schema",)]
    assert checks.findings(rows[1])[0].words == "Tone must be one of ['calm', 'angry'], not 'sad'"


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
            "7 + 5 = 12",
            "so says Ana, 9",
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
    st.one_of(
        st.sampled_from([None, "", "You get $7 back.", "long" * 9]), st.integers(0, 30).map("${} back".format)
    ),
    st.just(()),
    st.sampled_from(["", "I paid 7 and Ana 12.", "3 of 9"]),
)


@settings(max_examples=60, deadline=None)
@given(
    start=st.lists(some_rows, max_size=8),
    ordinary=st.integers(0, 14),
    edits=st.lists(st.tuples(st.integers(0, 99), some_rows), max_size=12),
)
@pytest.mark.slow
def test_after_any_edits_it_says_what_a_fresh_look_says(start, ordinary, edits):
    now = [(*row, (), f"order {i} of {10 + i}") for i, row in enumerate(rows(ordinary))] + start
    checks = Checks(now)
    for number, row in edits:
        if now:
            now[number % len(now)] = row
            checks.update(number % len(now), *row)
            assert checks.flags == check(now)
    assert checks.flagged("any").tolist() == [bool(row.names) for row in check(now)]
    assert checks.suspicion.tolist() == [row.suspicion for row in check(now)]
