"""Audits: verdicts of blind answers, paid once, in the review and in a new kernel; the student as the meter."""

import json
import math
import re

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.errors import ReasonbookError, TeacherError
from reasonbook.job import Status
from reasonbook.quality.audit import RowAudit
from reasonbook.quality.audit.nats import verdict_of
from reasonbook.quality.audit.verdicts import known_after, leaks, verdict
from reasonbook.training import judge
from tests.servers.provider import KEY, Provider

WRONG, MISLED = 3, 5


def audited(n: int = 12) -> pd.DataFrame:
    """Refunds with reasoning; one response is wrong, and one reasoning."""
    df = rb.examples.refunds(n)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    df.loc[WRONG, "response"] = "$999"
    df.at[MISLED, "reasoning"] = {**df["reasoning"][MISLED], "Amount": "3 + 4 = 7"}
    return df


@pytest.fixture
def provider(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Provider(key=KEY, answer=lambda asked: json.dumps({"answer": _said(asked.user)})) as server:
        server.chat = f"openai:mock@{server.url}"
        yield server


def _said(user: str) -> str:
    return rb.examples.refund_checker(user)["Answer"]


@pytest.mark.parametrize(
    ("without", "with_it", "alike", "said"),
    [
        (True, False, False, "misleads"),
        (True, True, True, "not needed"),
        (False, True, False, "earns its place"),
        (False, False, True, "label suspect"),
        (False, False, False, "undetermined"),
        (None, True, False, "not answered"),
    ],
)
def test_a_verdict_says_what_two_answers_say(without, with_it, alike, said):
    assert verdict(without, with_it, alike=alike) == said


def test_nats_say_whether_reasoning_helps():
    assert verdict_of({"without": 2.0, "with": 1.0}) == "helps"
    assert verdict_of({"without": 1.0, "with": 2.0}) == "hurts"
    assert verdict_of({"without": 0.5, "with": 0.4}) == "known before"
    assert verdict_of({"without": 3.0, "with": 2.9}) == "no difference" and verdict_of({"with": 2.9}) is None
    assert RowAudit("row", "print", "hurts").flags == ("misleads",)


def test_an_answer_is_known_once_it_stays_right():
    assert known_after([False, True, False, True, True]) == 3
    assert known_after([True, True]) == 0 and known_after([True, False]) is None
    assert known_after([False, None, True]) is None
    assert leaks(1, 3, stated=False, before=3) and leaks(1, 3, stated=True, before=1)
    assert not leaks(0, 3, stated=True, before=3)  # from the request alone: no field gave it away
    assert not leaks(2, 3, stated=False, before=2)  # a checker that is quicker than the schema in every row
    assert not leaks(3, 3, stated=True, before=9) and not leaks(None, 3, stated=True, before=9)


def test_a_paid_checker_answers_blind_and_is_paid_once(provider):
    df = audited()
    ask = {"checker": provider.chat, "rows": 12, "price": (1.0, 1.0)}
    quote = df.reason.quality().audit(**ask, dry=True)
    assert quote.status is Status.CREATED and provider.requests == 0
    assert quote.quote.calls == 36 and quote.quote.dollars[0] > 0 and "36" in quote._repr_html_()

    audit = df.reason.quality().audit(**ask).wait()
    assert audit.counts == {"misleads": 1, "label suspect": 1, "not needed": 10}
    assert audit.rows("misleads") == [MISLED] and audit.rows("label suspect") == [WRONG]
    assert provider.requests == 36 and audit.cost > 0
    asked = [body["messages"][-1]["content"] for body in provider.bodies]
    assert not any("$999" in text for text in asked)
    shown = [("Request:" in text, "Reasoning:" in text) for text in asked]
    assert {pair: shown.count(pair) for pair in set(shown)} == dict.fromkeys(
        [(True, False), (True, True), (False, True)], 12
    )
    assert any('score="numeric"' in note for note in audit.notes)

    again = df.reason.quality().audit(**ask).wait()
    assert provider.requests == 36 and again.counts == audit.counts and not again.cost
    df.reason.review().edit(7, {"Intent": "another one"})
    df.reason.quality().audit(**ask).wait()
    assert provider.requests == 38  # with it, and it alone; the request is the same
    assert [job.kind for job in rb.jobs()].count("audit") == 3
    assert len(df.reason.history()) == 1  # answers are no reasoning of these rows


def test_flags_reach_the_review_until_the_row_changes():
    df = audited()
    df.reason.quality().audit(rb.examples.refund_checker).wait()
    review = df.copy().reason.review()  # as another kernel opens it
    assert review.where(flag="misleads").tolist() == [MISLED]
    assert set(review.where(sort="suspicion")[:2].tolist()) == {WRONG, MISLED}
    [found] = review[WRONG].audits
    assert found.answers["without"] == found.answers["with"] != "$999"
    review.accept_all()
    assert [i for i in range(12) if review[i].decision.verdict is None] == [WRONG, MISLED]
    review.edit(MISLED, {"Amount": "104"})
    assert review[MISLED].audits == () and "misleads" not in review.flags[MISLED].names
    review.undo()
    assert "misleads" in review.flags[MISLED].names

    review.reject(WRONG)
    [audit] = df.reason.quality().audits()
    assert audit.status is Status.COMPLETED and audit.rows("label suspect") == [WRONG]
    assert audit.accuracy.value == 1.0 and 0.6 < audit.accuracy.low < 0.8
    said = "\n".join(audit.notes)
    assert "It answers 100% (72–100) of your accepted rows right" in said
    assert (
        "“label suspect” that you have decided: 1, of which 1 were rejected or edited: 100% (21–100)" in said
    )
    assert int(df.reason.quality().flagged.sum()) == 2


def test_the_strip_shows_where_the_answer_becomes_known():
    df = audited()
    truth = {text: reply for text, reply in zip(df["prompt"], df["response"], strict=True)}
    df.at[2, "reasoning"] = {**df["reasoning"][2], "Intent": f"wants {df['response'][2]}"}

    def slow(question: str) -> dict:  # knows an amount when it reads one, and nothing from the request
        told = re.findall(r"(?:Amount: .*?|wants \$)(\d+)$", question, re.MULTILINE)
        return {"Answer": f"${told[-1]}" if told else "$1"}

    audit = df.reason.quality().audit(slow, fields=True).wait()
    found = audit.to_frame().set_index("position")
    fields = len(rb.examples.refund_schema())
    assert truth and audit.asking.progress.total == 12 * (3 + fields - 1)
    assert audit.rows("leaks early") == [2] and found.loc[2, "known after"] == 1
    others = found.drop([2, WRONG, MISLED])
    assert (others["known after"] == fields).all() and (others["derived by"] == fields).all()
    assert any("“Amount” works the answer out" in note for note in audit.notes)


def test_a_budget_that_is_used_up_leaves_whole_rows(provider):
    df = audited()
    audit = df.reason.quality().audit(provider.chat, price=(100.0, 100.0), budget=0.2, concurrency=1).wait()
    assert audit.status is Status.PARTIAL and 3 <= provider.requests < 36
    assert sum(bool(found.answers) for found in audit.findings) == math.ceil(provider.requests / 3)
    more = df.reason.quality().audit(provider.chat, price=(100.0, 100.0)).wait()
    assert more.status is Status.COMPLETED and provider.requests == 36


def test_bad_input_is_told_what_to_type():
    df = rb.examples.refunds(4)
    audit = df.reason.quality().audit
    with pytest.raises(ReasonbookError, match="No row has reasoning to audit yet") as refused:
        audit(rb.examples.refund_checker)
    assert "df.reason.augment(" in refused.value.fix
    bare = pd.DataFrame({"prompt": ["6 x 7?"], "response": [""], "reasoning": [{"Work": "42"}]})
    with pytest.raises(ReasonbookError, match="No row has a response"):
        bare.reason.quality().audit(rb.examples.refund_checker)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    with pytest.raises(TeacherError, match="no teacher, no run of this store"):
        audit("gpt-4o")
    with pytest.raises(TeacherError, match="compares the answer without"):
        audit(rb.examples.refund_checker, ask=("only",))
    with pytest.raises(TeacherError, match="no option 'row'"):
        audit(rb.examples.refund_checker, row=3)
    with pytest.raises(ReasonbookError, match="No student was trained on these rows"):
        audit("student")
    same = audit(rb.examples.refund_rules, dry=True)
    assert any("wrote this reasoning itself" in note for note in same.notes)


def test_free_texts_are_not_compared_word_for_word():
    said = "Thank you for your letter number {}; we are very sorry about what happened."
    df = pd.DataFrame(
        {"prompt": [f"case {i}" for i in range(12)], "response": [said.format(i) for i in range(12)]}
    )
    df["reasoning"], df["reasoning_status"] = [{"Tone": "sorry"}] * 12, "ok"

    def checker(question: str) -> dict:
        return {"Answer": "We apologise."}

    def lenient(request: str) -> dict:
        return {"grade": 1, "why": "means the same"}

    with pytest.raises(TeacherError, match="free texts"):
        df.reason.quality().audit(checker)
    audit = df.reason.quality().audit(checker, score="exact").wait()
    assert any(note.startswith("100% of blind answers differ") for note in audit.notes)
    assert df.reason.quality().audit(checker, score=judge(lenient)).wait().counts == {"not needed": 12}


def test_classes_are_told_to_the_checker_and_an_edited_answer_asks_no_other_row():
    df = pd.DataFrame({"prompt": [f"letter {i}" for i in range(12)], "response": ["refund", "repair"] * 6})
    df["reasoning"], df["reasoning_status"] = [{"Wish": text} for text in df["response"]], "ok"
    asked: list[str] = []

    def checker(question: str) -> dict:
        asked.append(question)
        return {"Answer": "repair"}

    audit = df.reason.quality().audit(checker).wait()
    assert audit.record.form == "The answer is one of: refund, repair."
    assert audit.counts["not needed"] == 6 and audit.record.measure == "choice accuracy"
    df.reason.review().edit(0, {"Wish": "exchange"}, "exchange")
    before = len(asked)
    df.reason.quality().audit(checker).wait()
    assert len(asked) == before + 2


@pytest.mark.slow
@pytest.mark.train
def test_a_student_weighs_answers_in_nats(tiny_student):
    import torch
    from transformers import AutoModelForCausalLM

    from reasonbook.chat import ChatFormat

    df = audited()
    audit = df.reason.quality().audit(tiny_student, rows=6, fields=True).wait()
    assert audit.status is Status.COMPLETED and len(audit.findings) == 6
    places = audit.to_frame().set_index("position")
    row = int(places.index[0])
    form, model = ChatFormat(tiny_student), AutoModelForCausalLM.from_pretrained(tiny_student)
    prompt = form.prompt_ids(df["prompt"][row], thinks=False)
    answer = form.tokenizer(f"{df['response'][row]}<|im_end|>", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    nats = -sum(float(logits[i, token]) for i, token in enumerate(answer))
    assert places.loc[row, "nats without"] == pytest.approx(nats, abs=1e-3)
    assert {f"nats {k}" for k in range(1, 8)} <= set(places.columns)
    assert len(df.reason.quality().audits()) == 1
