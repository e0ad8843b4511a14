"""A case is its facts: copies, conflicts, minimal pairs, splits, contamination and coverage stand on that."""

import json
import random

import pandas as pd
import pytest

import reasonbook as rb
from benchmarks.cases import reworded
from reasonbook.cases import answers_differ, cases_of, near_texts
from reasonbook.cases.text_facts import facts_in, numbers_in
from reasonbook.data.frame import Frame
from reasonbook.data.layout.frame_layout import layout_of


def framed(prompts, responses, *, reasoned=True):
    df = pd.DataFrame({"prompt": prompts, "response": responses})
    if reasoned:
        df["reasoning"] = [rb.examples.refund_rules(prompt) for prompt in prompts]
        df["reasoning_status"] = "ok"
    return df


@pytest.fixture(scope="module")
def refunds():
    """300 requests; the first ten again in other words with a wrong answer, the next five as copies."""
    base = rb.examples.refunds(300)
    rng = random.Random(1)
    prompts, responses = base.prompt.tolist(), base.response.tolist()
    again = [reworded(prompt, rng) for prompt in prompts[:10]]
    copies = [f" {prompt}!" for prompt in prompts[20:25]]
    return framed([*prompts, *again, *copies], [*responses, *["$1"] * 10, *responses[20:25]])


def cases(df, **options):
    return cases_of(Frame(df, layout_of(df)), **options)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Paid 1,200.50 on May 3, 2026 to Ana Brown.", ("1200.5", "2026-05-03", "ana brown")),
        ("Paid three times 1200.5, 3 May 2026.", ("1200.5", "2026-05-03", "3")),
        ('It says "Late Fee" for order AB-17.', ("late fee", "ab-17", "17")),
        ("48-6=42", ("48", "6", "42")),
        ("nothing at all, may be", ()),
    ],
)
def test_a_text_states_numbers_dates_and_names_in_one_spelling(text, facts):
    assert set(facts_in(text)) == set(facts)


def test_numbers_of_a_language_of_commas():
    assert numbers_in("12,5 and 1.200 and -3 and twelve") == ["12.5", "1200", "-3", "12"]


def test_the_rules_say_what_counts_and_why(refunds):
    rules = {rule.name: (rule.kind, rule.why) for rule in cases(refunds).rules}
    assert (
        rules["Days Since Purchase"][0] == "value" and rules["Decision"][0] == rules["Policy"][0] == "label"
    )
    assert rules["Timeline"] == ("", "works out Days Since Purchase, which has a field of its own")
    assert rules["Amount"] == ("", "states the answer")


def test_equal_facts_in_other_words_are_one_case_and_a_changed_fact_is_another():
    rng = random.Random(3)
    prompts = rb.examples.refunds(60, seed=4).prompt.tolist()
    other = [reworded(prompt, rng) for prompt in prompts]
    changed = [prompt.replace("$", "$1", 1) for prompt in prompts]
    df = framed([*prompts, *other, *changed], ["$0"] * 180)
    found = cases(df).codes
    assert (found[:60] == found[60:120]).all()
    assert not (found[:60] == found[120:]).any()


def test_names_of_cases_are_the_same_in_another_frame(refunds):
    some = refunds.iloc[50:150].reset_index(drop=True)
    whole, part = cases(refunds, fields=["Policy", "Per Item"]), cases(some, fields=["Policy", "Per Item"])
    assert part.names() == whole.names(range(50, 150))


def test_conflicts_are_first_in_the_queue_and_go_with_an_edit(refunds):
    df = refunds.copy()
    conflicts = df.reason.quality().conflicts
    assert list(conflicts) == [(i, 300 + i) for i in range(10)]
    assert conflicts.to_frame()["row"].tolist()[:2] == [0, 300]
    review = df.reason.review()
    assert set(review.where(sort="suspicion")[:20]) == set(conflicts.rows)
    review.edit(300, response=df.response[0])
    assert set(review.where(flag="conflict")) == set(conflicts.rows) - {0, 300}
    assert len(review.undo().where(flag="conflict")) == 20
    assert df.reason.quality().findings["conflict"] == 20


def test_copies_are_tagged_by_the_printed_line_and_nothing_goes(refunds):
    df = refunds.copy()
    there = {"quality": df.reason.quality(), "review": df.reason.review()}
    quality = there["quality"]
    assert list(quality.copies) == [(20 + i, 310 + i) for i in range(5)]
    line = 'review.tag(quality.copies.rows, "copy")'
    assert line.replace('"', "&quot;") in quality.copies._repr_html_()
    assert eval(line, there).tags == {"copy": 5} and len(df) == 315
    assert int(quality.copies.mask.sum()) == 5


def test_minimal_pairs_are_what_text_calls_duplicates():
    said = "Hi, I bought 4 desk lamps 9 days ago at ${} each. They are opened. I am a {} member. What is my refund?"
    requests = [said.format(48, "Gold"), said.format(49, "Gold"), said.format(48, "Plus")]
    others = rb.examples.refunds(60).prompt.tolist()
    df = framed([*requests, *others], ["$0"] * 63)
    quality = df.reason.quality()
    assert {(0, 1), (0, 2)} <= set(quality.minimal_pairs) and not len(quality.copies)
    blind = framed([*requests, *others], ["$0"] * 63, reasoned=False).reason.quality()
    assert (0, 1) in set(blind.minimal_pairs)
    assert list(blind.copies) == [(0, 2)], "without facts a changed word is not seen"
    assert "gold for plus" in blind.cases.notes[1]


def test_too_few_facts_are_no_case():
    df = pd.DataFrame({"prompt": [f"ticket number {'abcdefghij'[i % 10] * 3} {i}" for i in range(80)]})
    df["response"] = [f"answer {i}" for i in range(80)]
    df["reasoning"] = [{"Mood": ["calm", "angry"][i % 2], "Urgent": i % 3 == 0} for i in range(80)]
    quality = df.reason.quality()
    assert quality.cases.by == "facts and wording" and "too few" in quality.cases.notes[0]
    assert not len(quality.conflicts) and len(quality.cases) == 80


def test_without_the_extra_equal_words_alone_are_seen_and_it_is_said(monkeypatch, refunds):
    monkeypatch.setattr("reasonbook.cases.nearness.find_spec", lambda name: None)
    quality = refunds.reason.quality()
    assert len(quality.copies) == 5 and 'pip install "reasonbook[curate]"' in quality.copies.notes[-1]


def test_near_texts_are_stars_and_no_chain():
    words = [f"w{i}" for i in range(40)]
    chain = [" ".join(words[i : i + 20]) for i in range(0, 20, 2)]
    joined = {pair for pair in map(tuple, near_texts(chain).pairs.tolist()) if pair[1] - pair[0] > 1}
    assert not joined, "texts two steps apart are not near"
    df = pd.DataFrame({"prompt": chain, "response": ["x"] * len(chain)})
    assert max(cases(df).sizes) <= 2


@pytest.mark.slow
def test_a_split_by_case_keeps_twins_together_and_the_preflight_counts_the_others(refunds, tiny_student):
    df = refunds.iloc[[*range(40), *range(300, 315)]].reset_index(drop=True)
    df["split"] = ["train"] * 36 + ["validation"] * 4 + ["test"] * 15
    report = df.reason.to_chat(tiny_student).report
    assert report.twins == {"validation": 0, "test": 15}
    [(said, line)] = [pair for pair in report.warnings if "twin case" in pair[0]]
    assert said == "15 of 15 test rows have a twin case in train: the same facts."
    there = {"df": df}
    exec(line, there)
    assert [len(rows) for rows in cases(there["df"]).twins().values()] == [0, 0]
    assert json.dumps(report.to_dict())
    with pytest.raises(rb.ReasonbookError, match="part 15 cases"):
        df.reason.split(by="case")


def test_one_row_and_one_case():
    one = framed(["a"], ["b"], reasoned=False)
    quality = one.reason.quality()
    assert (len(quality.cases), len(quality.copies), len(quality.conflicts), len(quality.minimal_pairs)) == (
        1,
        0,
        0,
        0,
    )
    assert one.reason.split(by="case").to_dict() == {"train": 1}
    alike = framed(["a b c"] * 5, ["x"] * 5, reasoned=False)
    assert alike.reason.quality().copies.rows == [1, 2, 3, 4]
    with pytest.raises(rb.ReasonbookError, match="All 5 rows are one case"):
        alike.reason.split(by="case")


def test_coverage_counts_cells_with_their_splits(refunds):
    df = refunds.copy()
    df.reason.split()
    coverage = df.reason.quality().coverage("Policy", "Decision")
    assert sum(coverage.counts.values()) == 315 == len(coverage.rows())
    row = df.reasoning[0]
    assert 0 in coverage.rows(policy=row["Policy"], decision=row["Decision"])
    assert coverage[row["Policy"], row["Decision"]] == coverage.rows(
        policy=row["Policy"], decision=row["Decision"]
    )
    thin = coverage.thin(below=10)
    assert (
        thin["rows"].max() < 10 and (thin[["train", "validation", "test"]].sum(axis=1) == thin["rows"]).all()
    )
    assert "#1f6f8b" in coverage._repr_html_() and len(coverage.thin(empty=True)) > len(thin)
    ranges = df.reason.quality().coverage("Days Since Purchase")
    assert len(ranges) <= 6 and ranges.values()[0].startswith("2 … ")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("Polcy",), 'Did you mean "Policy"'),
        (("Timeline",), "quality.coverage('Policy')"),
        (("Policy", "Policy"), "beside itself"),
    ],
)
def test_coverage_refuses_what_no_table_shows(refunds, names, said):
    with pytest.raises(rb.ReasonbookError) as raised:
        refunds.reason.quality().coverage(*names)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("$104", "104", False),
        ("$104", "$99", True),
        ("Yes.", "yes", False),
        ("You get $104 back within 5 days, as soon as it is here.", "$104", False),
        (
            "You get $104 back, as soon as the parcel is here.",
            "You get $99 back, as soon as the parcel is here.",
            True,
        ),
        ("", "$99", False),
    ],
)
def test_answers_differ_where_both_cannot_be_right(one, other, differ):
    assert answers_differ(one, other) is differ


def test_a_conflict_names_the_rows_that_answer_otherwise_and_no_others():
    """Also where no row has reasoning: of equal requests one answer differs, and one row has none."""
    df = pd.DataFrame({"prompt": ["How much?"] * 4 + ["When?"], "response": ["$1", "$1", "$2", None, "now"]})
    quality = df.reason.quality()
    assert [str(found) for found in quality.why(0)] == ["conflict: row 2: the same facts, another response"]
    assert [str(found) for found in quality.why(2)] == [
        "conflict: rows 0, 1: the same facts, another response"
    ]
    assert quality.why(3) == () and list(quality.conflicts) == [(0, 1, 2)]
    assert quality.as_many_at_random().sum() == quality.flagged.sum() == 3
