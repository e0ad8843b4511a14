"""The refund data: deterministic, without repeats, and its teacher reads the text."""

import datetime
import operator
import re
import time

import pytest

from reasonbook.errors import ReasonbookError
from reasonbook.examples import refund_rules, refund_schema, refunds
from reasonbook.examples.refund_policy import POLICIES, TIERS, RefundRequest, settle
from reasonbook.examples.refund_teacher import read_request

GOLD = (
    "Today is Apr 9. Hi, I bought 3 desk lamps on Mar 14 at $48 each. I am a Gold member. I opened the boxes."
)


def dollars(fields):
    return f"${str(fields['Amount']).split()[-1]}"


def test_a_draw_is_decided_by_its_seed():
    first = refunds(300, seed=3)
    assert first.equals(refunds(300, seed=3))
    assert not first["prompt"].isin(refunds(300, seed=4)["prompt"]).all()
    assert list(first.columns) == ["prompt", "response"]


@pytest.mark.slow
def test_no_request_occurs_twice():
    frame = refunds(20_000)
    assert len(frame) == 20_000
    assert frame["prompt"].is_unique


def test_answers_are_whole_dollars_and_vary():
    frame = refunds(5_000)
    assert frame["response"].str.fullmatch(r"\$(0|[1-9]\d*)").all()
    assert frame["response"].nunique() > 400
    assert frame["response"].value_counts(normalize=True).iloc[0] < 0.1  # no answer is worth guessing


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_the_teacher_reads_the_right_answer_out_of_the_text(policy):
    frame = refunds(5_000, seed=11, policy=policy)
    wrong = [
        (prompt, response)
        for prompt, response in zip(frame["prompt"], frame["response"], strict=True)
        if dollars(refund_rules(prompt, policy=policy)) != response
    ]
    assert wrong == []


def test_the_fields_of_one_request():
    assert refund_rules(GOLD) == {
        "Intent": "return 3 desk lamps, opened",
        "Timeline": "Mar 14 to Apr 9: 31 - 14 = 17, 17 + 9 = 26",
        "Days Since Purchase": 26,
        "Policy": "gold, opened: 60 days, $3 each",
        "Decision": "refund less fees",
        "Per Item": "48 - 3 = 45",
        "Subtotal": "3 x 45 = 120 + 15 = 135",
        "Amount": "135",
    }


@pytest.mark.parametrize(
    ("change", "amount"),
    [
        (("3 desk lamps", "four desk lamps"), "$180"),
        (("$48", "$50"), "$141"),
        (("I opened the boxes", "The boxes are still sealed"), "$144"),
        (("I opened the boxes", "They arrived damaged"), "$144"),
        (("I am a Gold member", "I am not a member"), "$101"),
        (("I am a Gold member", "I have Plus membership"), "$122"),
        (("Mar 14", "Feb 1"), "$0"),
        (("on Mar 14", "9 weeks ago"), "$0"),
    ],
)
def test_a_changed_word_changes_the_answer(change, amount):
    assert dollars(refund_rules(GOLD)) == "$135"
    assert dollars(refund_rules(GOLD.replace(*change))) == amount


def test_every_step_of_the_teachers_arithmetic_holds():
    signs = {"+": operator.add, "-": operator.sub, "x": operator.mul}
    steps = 0
    for prompt in refunds(2_000, seed=5)["prompt"]:
        for value in refund_rules(prompt).values():
            for chain in re.findall(r"\d+ [-+x] \d+ = [-+x=\d ]+", str(value)):
                sides = [side.split() for side in chain.split(" = ")]
                results = {int(s[0]) if len(s) == 1 else signs[s[1]](int(s[0]), int(s[2])) for s in sides}
                assert len(results) == 1, (prompt, value)
                steps += 1
    assert steps > 6_000


def test_days_between_dates_are_those_of_the_calendar():
    for month, day, later in ((1, 31, 29), (2, 27, 5), (11, 20, 60), (12, 31, 1), (6, 1, 29)):
        bought = datetime.date(2026, month, day)
        today = bought + datetime.timedelta(days=later)
        text = GOLD.replace("Mar 14", f"{bought:%b} {bought.day}").replace("Apr 9", f"{today:%b} {today.day}")
        assert read_request(text).days == later


def test_the_last_day_counts_and_the_next_does_not():
    for tier in TIERS:
        terms = POLICIES["2026"][tier]
        facts = [RefundRequest(2, "backpack", 40, terms.days + late, tier, "sealed") for late in (0, 1)]
        assert [settle(each).amount for each in facts] == [80 - terms.label, 0]
    facts = [RefundRequest(2, "backpack", 40, days, "standard", "damaged") for days in (75, 76)]
    assert [settle(each).amount for each in facts] == [80, 0]


def test_the_changed_policy_changes_answers_and_nothing_else():
    old, new = refunds(2_000, seed=2), refunds(2_000, seed=2, policy="2027")
    assert old["prompt"].equals(new["prompt"])
    assert 0.5 < (old["response"] != new["response"]).mean() < 0.95


def test_the_teachers_answer_fits_the_schema():
    schema = refund_schema()
    for prompt in refunds(200)["prompt"]:
        fields = refund_rules(prompt)
        assert tuple(fields) == schema.names
        assert schema.read(fields) == fields


def test_the_teacher_takes_an_object_with_a_prompt():
    class Request:
        prompt = GOLD

    assert refund_rules(Request()) == refund_rules(GOLD)


@pytest.mark.parametrize(
    ("cut", "missing"),
    [
        ("3 desk lamps", "what was bought"),
        (" at $48 each", "the price"),
        ("Today is Apr 9. ", "today's date"),
        (" on Mar 14", "the date of the purchase"),
        ("I am a Gold member.", "the membership"),
        ("I opened the boxes.", "whether the goods were opened"),
    ],
)
def test_a_missing_fact_is_named(cut, missing):
    with pytest.raises(ReasonbookError, match=missing):
        refund_rules(GOLD.replace(cut, ""))


def test_wrong_arguments_say_what_to_type():
    with pytest.raises(ReasonbookError, match="2_000"):
        refunds(0)
    with pytest.raises(ReasonbookError, match="'2027'"):
        refunds(3, policy="2028")
    with pytest.raises(ReasonbookError, match="policy"):
        refund_rules(GOLD, policy="2028")
    with pytest.raises(ReasonbookError, match="reads text"):
        refund_rules(17)


@pytest.mark.alone
def test_a_hundred_thousand_rows_take_seconds():
    start = time.process_time()
    assert len(refunds(100_000)) == 100_000
    assert time.process_time() - start < 10
