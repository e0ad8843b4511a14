"""Edits teach the rest: frozen examples, their trial on edits held out, proposals, repairs of many rows."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.augment import AugmentConfig
from reasonbook.errors import ReasonbookError, ReviewError
from reasonbook.review.query import Query
from reasonbook.store import default_store
from tests.servers.provider import KEY, Provider

SCHEMA = rb.Schema(
    [
        rb.Field("Urgency", "Judge how soon.", "choice", ("low", "high")),
        rb.Field("Amount", "What is paid back."),
    ]
)
ASKED: list[str] = []


def first_try(request: str) -> dict[str, str]:
    ASKED.append(request)
    return {"Urgency": "low", "Amount": f"{request.split()[1]} dollars"}


def taught(request: str) -> dict[str, str]:
    """What a better teacher would write: the way of the edits."""
    ASKED.append(request)
    return {"Urgency": "high", "Amount": f"pay {request.split()[1]}"}


def frame(n: int = 24) -> pd.DataFrame:
    df = pd.DataFrame(
        {"prompt": [f"refund {i} please" for i in range(n)], "response": [f"${i}" for i in range(n)]}
    )
    df.reason.augment(SCHEMA, teacher=first_try).wait()
    ASKED.clear()
    return df


def edited(df: pd.DataFrame, rows: range) -> rb.review.Review:
    review = df.reason.review()
    for row in rows:
        review.edit(row, {"Urgency": "high", "Amount": f"pay {row}"})
    return review


def test_examples_are_edits_first_frozen_and_never_from_the_test():
    df = frame()
    df["split"] = ["test" if row == 2 else "train" for row in range(24)]
    review = edited(df, range(1, 4)).rate(10, 5).rate(11, 3).accept(12)
    examples = review.examples(6)
    assert sorted(lesson.row for lesson in examples.lessons[:2]) == [1, 3]
    assert {lesson.row for lesson in examples.lessons} == {1, 3, 10, 12}
    assert (
        dict(examples.lessons[0].was)["Urgency"] == "low"
        and dict(examples.lessons[0].now)["Urgency"] == "high"
    )
    before = examples.print
    review.edit(1, {"Amount": "other"})
    assert examples.print == before and "pay 1" in [example.reasoning["Amount"] for example in examples]
    assert review.examples(6).print != before
    told = AugmentConfig(examples=examples).told()
    assert told["examples_print"] == before, "it stands with every call"
    df.reason.augment(SCHEMA, teacher=taught, examples=examples, limit=8).wait()
    kept = [row[0] for row in default_store().query("SELECT text FROM texts")]
    assert any(f'"examples_print": "{before}"' in text for text in kept)
    html = examples._repr_html_()
    assert "<del" in html and before in html


def test_examples_with_the_same_facts_and_another_answer_are_named():
    df = frame(6)
    df.loc[1, "prompt"] = "please, refund 0"
    df.reason.augment(SCHEMA, teacher=lambda request: {"Urgency": "low", "Amount": "x"}, propose=False).wait()
    examples = df.reason.review().accept([0, 1, 2]).examples(3)
    assert len(examples.contradictions) == 1
    assert "'$0'" in examples.contradictions[0] and "'$1'" in examples.contradictions[0]
    assert "two edited rows" in examples._repr_html_()
    with pytest.raises(ReviewError, match="at least two rows"):
        examples.trial(teacher=taught)


def test_a_trial_asks_held_out_edits_with_and_without_and_pays_nothing_twice():
    df = frame()
    review = edited(df, range(12))

    class Learner:
        """A teacher that writes the way of the examples where it is shown some."""

        name = "learner"
        capabilities = rb.teachers.Capabilities(free=True)

        async def complete(self, request):
            ASKED.append(request.prompt)
            way = taught if "pay " in request.system else first_try
            return rb.teachers.Completion.of(way(request.prompt), rb.teachers.Usage(calls=1))

        async def close(self): ...

    trial = review.examples(6).trial(teacher=Learner(), start=False)
    assert not ASKED and "12 calls" in trial.words and trial.held_out == 6
    shown = {example.request for example in trial.examples}
    assert not shown & {df["prompt"][row] for row in trial.rows}, "what is asked is not shown"
    trial.start().wait()
    assert (trial.agree_with, trial.agree_without) == (6, 0) and trial.p == pytest.approx(2 / 64)
    assert "6 of 6 with, 0 of 6 without" in trial.words and "12 undecided rows" in trial.words
    assert trial.by_field == {"Urgency": (6, 6, 0), "Amount": (6, 6, 6)}, (
        "a text with the same numbers agrees"
    )
    paid = len(ASKED)
    again = review.examples(6).trial(teacher=Learner()).wait()
    assert again.agree_with == 6 and len(ASKED) == paid
    assert review.examples(6).trial(teacher=Learner(), seed=1, start=False).rows != trial.rows
    assert df["reasoning"][20] == first_try("refund 20 please"), "nothing of the frame changes"
    with pytest.raises(ReviewError, match="share"):
        review.examples(6).trial(teacher=taught, holdout=1.0)


def test_with_a_reviews_examples_only_undecided_rows_are_asked_and_proposed_for():
    df = frame()
    review = edited(df, range(3)).accept([3, 4]).reject(5).rate(6, 5).rate(7, 1)
    df.loc[24] = [None] * len(df.columns)
    df.loc[24, ["prompt", "response"]] = ["refund 24 please", "$24"]
    before = df["reasoning"].tolist()
    job = df.reason.augment(SCHEMA, teacher=taught, examples=review.examples(4)).wait()
    asked = {f"refund {i} please" for i in range(25)} - {f"refund {i} please" for i in range(7)}
    assert (
        set(ASKED) == asked
        and "propose=False" in next(e for e in job.stream if e.kind == "note").data["text"]
    )
    assert (
        df["reasoning"].tolist()[:24] == before[:24] and df["reasoning_status"].tolist()[:24] == ["ok"] * 24
    )
    assert df["reasoning"][24]["Amount"] == "pay 24", "a row without reasoning is filled as ever"
    review = df.reason.review()
    assert review.where(proposed=True).tolist() == list(range(7, 24)) == review.proposals.rows.tolist()
    assert review.proposals.of(8).changes == {"Urgency": ("low", "high"), "Amount": ("8 dollars", "pay 8")}
    review.proposals.decline(9)
    df.reason.augment(SCHEMA, teacher=taught, examples=review.examples(4)).wait()
    assert 9 not in review.proposals.rows and len(set(ASKED)) == len(ASKED), (
        "asked once; declined stays declined"
    )
    review.proposals.accept(Query(rating=1))
    assert df["reasoning"][7]["Amount"] == "pay 7" and len(review.proposals) == 15
    review.proposals.accept()
    assert len(review.proposals) == 0 and df["reasoning"][23]["Amount"] == "pay 23"
    fresh = df.reason.review()
    assert {lesson.row for lesson in fresh.examples(9).lessons if lesson.was} == {0, 1, 2}, (
        "a proposal is no edit"
    )
    review.undo()
    assert df["reasoning"][23] == before[23] and len(review.proposals) == 15, "one act, and they wait again"


def test_without_a_reviews_examples_reasoning_is_replaced_unless_one_says_propose():
    df = frame(4)
    df.reason.augment(SCHEMA, teacher=taught, propose=True).wait()
    assert df["reasoning"][0]["Urgency"] == "low" and len(df.reason.review().proposals) == 4
    df.reason.augment(SCHEMA, teacher=taught).wait()
    assert df["reasoning"][0]["Urgency"] == "high"


def repairer(request: str) -> dict[str, str]:
    ASKED.append(request)
    if request.startswith("refund 3 "):
        raise ValueError("no idea")
    number = request.split()[1]
    return {"Urgency": "low", "Amount": f"{number} dollars" if number == "2" else f"{number} euros"}


def test_one_sentence_repairs_many_rows_as_proposals():
    df = frame(8)
    review = df.reason.review()
    job = review.repair_all(Query(text="dollars"), "Say euros.", teacher=repairer).wait()
    assert str(job.status) == "PARTIAL" and list(job.errors) == [3] and "no idea" in job.errors[3]
    assert review.proposals.rows.tolist() == [0, 1, 4, 5, 6, 7], "row 2 would not change"
    review.proposals.accept([0, 4])
    assert df["reasoning"][4]["Amount"] == "4 euros" and df["reasoning"][5]["Amount"] == "5 dollars"
    assert df.reason.history(4).steps[-1].what == "repaired"
    review.undo()
    assert df["reasoning"][0]["Amount"] == "0 dollars" and len(review.proposals) == 6
    count = len(ASKED)
    df.reason.review().repair_all(range(3), "Say euros.", teacher=repairer).wait()
    assert len(ASKED) == count, "paid once, also by another review"
    for call, words in (
        (lambda: review.repair_all([0], " ", teacher=repairer), "needs feedback"),
        (lambda: frame(2).reason.review().repair_all([], "x", teacher=repairer), "None of these rows"),
        (lambda: review.repair_all([99], "x", teacher=repairer), "no row 99"),
    ):
        with pytest.raises(ReviewError, match=words):
            call()


def written(asked) -> str:
    """What the provider's model writes: a repair, or what was asked for."""
    row = json.loads(
        asked.user.split("<example>\n")[1].split("\n</example>")[0].replace("<\\/example", "</example")
    )
    return json.dumps(
        {"reasoning": {"urgency": "high", "amount": "repaired"}, "response": row["response"] + "!"}
    )


@pytest.mark.slow
def test_a_paid_teacher_repairs_within_its_budget_and_is_paid_once(monkeypatch):
    df = frame(12)
    review = df.reason.review()
    with Provider(key=KEY, answer=written) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        teacher = f"openai:mock@{server.url}"
        with pytest.raises(ReasonbookError, match="needs the price"):
            review.repair_all(range(12), "Better.", teacher=teacher, budget=1.0)
        one = (120 * 1.0 + 40 * 2.0) / 1e6
        job = review.repair_all(
            range(12), "Better.", teacher=teacher, budget=4.5 * one, price=(1.0, 2.0)
        ).wait()
        assert str(job.status) == "PARTIAL" and "budget" in job._repr_html_()
        first = server.requests
        assert len(job.proposals) == first and job.cost == pytest.approx(first * one)
        review.repair_all(range(12), "Better.", teacher=teacher).wait()
        assert server.requests == 12 and len(review.proposals) == 12
        review.proposals.accept()
        assert df["response"].tolist() == [f"${i}!" for i in range(12)]
        assert {cell["Amount"] for cell in df["reasoning"]} == {"repaired"}
        review.undo()
        assert df["response"].tolist() == [f"${i}" for i in range(12)]
