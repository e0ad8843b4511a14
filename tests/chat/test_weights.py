"""Weights of parts, fields and turns: what each token counts, what leaves no trace, what is refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.chat import ChatConfig, ChatFormat, ChatRow, build
from reasonbook.data.conversation import Conversation
from reasonbook.data.layout.detection import detect
from reasonbook.errors import FormatError

from .students import learnt_text, row, student

FIELDS = {"Intent": "a refund", "Policy": "nine days", "answer": "pay"}
TALK = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1", "weight": 0.5},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2"},
]


def built(*rows, strategy="final_and_reasoning", **config):
    return build(
        rows or [row(reasoning=FIELDS)], student("qwen3"), strategy=strategy, config=ChatConfig(**config)
    )


def by_part(chat, index=0):
    """Part → the weights of its tokens that carry loss."""
    example = chat[index]
    return {
        span.part.removeprefix("reasoning:"): set(example.weights[span.start : span.stop].tolist())
        for span in example.spans
        if span.learnt
    }


# -- what a token counts -------------------------------------------------------------------------------------
def test_every_part_has_its_own_and_a_field_wins_over_the_reasoning():
    weights = {
        "answer": 2.0,
        "reasoning": 0.5,
        "stop": 3,
        "tags": 0.25,
        "Policy": 4.0,
        "reasoning:answer": 8.0,
    }
    chat = built(weights=weights)
    assert by_part(chat) == {
        "tags": {0.25}, "Intent": {0.5}, "Policy": {4.0}, "answer": {2.0}, "stop": {3.0}
    } | {"answer": {2.0}}  # fmt: skip
    fields = {span.part: span for span in chat[0].spans}
    field = fields["reasoning:answer"]
    assert set(chat[0].weights[field.start : field.stop].tolist()) == {8.0}
    example = chat[0]
    assert example.weights.dtype == np.float32 and not example.weights[example.labels == -100].any()
    assert len(chat.weights) == 1 and (chat.weights[0] == example.weights).all()


def test_other_texts_than_the_assistants_are_context():
    said = row(reasoning=None).conversation
    rows = [ChatRow(0, "k", "train", said, None, unmask=True), ChatRow(1, "l", "train", said, None)]
    chat = built(*rows, weights={"context": 0.25})
    assert by_part(chat) == {"context": {0.25}, "answer": {1.0}, "stop": {1.0}}
    assert by_part(chat, 1) == {"answer": {1.0}, "stop": {1.0}}
    silent = built(*rows, weights={"context": 0})
    assert learnt_text(silent[0], silent.tokenizer) == "It is 4.<|im_end|>"


def test_a_turn_counts_by_the_weight_of_its_message():
    chat = built(row(messages=TALK, reasoning="why"), weights={"answer": 4.0}, roles="all_but_system")
    assert by_part(chat) == {"context": {0.5}, "answer": {2.0}, "stop": {0.5}}
    assert set().union(*by_part(chat, 1).values()) == {1.0, 4.0}
    halves = built(
        row(messages=[TALK[0], {**TALK[1], "content": "1", "weight": 3}], reasoning="why"),
        strategy="two_message_cot",
    )
    assert [set().union(*by_part(halves, i).values()) for i in range(2)] == [{3.0}, {3.0}]


def test_a_hundred_fields_before_it_do_not_hide_a_field():
    fields = {f"F{i}": "x" for i in range(120)} | {"Last": "y"}
    assert by_part(built(row(reasoning=fields), weights={"Last": 2.0}))["Last"] == {2.0}
    with pytest.raises(FormatError, match="more than the 100 fields"):
        built(weights={f"F{i}": 2.0 for i in range(101)})


# -- 0 is a mask, 1 is nothing -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("weights", "masks"),
    [
        ({"reasoning": 0, "tags": 0}, {"mask_reasoning": True}),
        ({"answer": 0, "stop": 0}, {"mask_answer": True}),
    ],
)
def test_weight_0_is_a_mask(weights, masks):
    rows = [row(reasoning=FIELDS), row(reasoning={"Intent": "other"}, position=1)]
    zero, masked = built(*rows, weights=weights), built(*rows, **masks)
    assert zero.fingerprint == masked.fingerprint and zero.report.ok and masked.report.ok
    assert zero[0].weights is None and [s.learnt for s in zero[0].spans] == [
        s.learnt for s in masked[0].spans
    ]
    assert zero.preview(0).hash == masked.preview(0).hash


def test_a_field_of_weight_0_is_read_and_the_report_knows_that_it_is_meant():
    rows = [row(reasoning=FIELDS), row(reasoning={"Policy": "ten days"}, position=1)]
    chat = built(*rows, weights={"Policy": 0})
    assert "nine days" not in learnt_text(chat[0], chat.tokenizer) and "refund" in learnt_text(
        chat[0], chat.tokenizer
    )
    report = chat.report
    assert report.ok and (report.reasoning, report.reasoning_learnt, report.reasoning_weightless) == (2, 1, 1)


@pytest.mark.parametrize("weights", [{}, {"answer": 1}, {"reasoning": 1.0, "Intent": 1}, {"context": 2.0}])
def test_what_counts_1_leaves_no_trace(weights):
    plain, chat = built(), built(weights=weights)
    assert chat.fingerprint == plain.fingerprint and chat.weights is None and chat[0].weights is None
    assert chat.preview(0).hash == plain.preview(0).hash and not chat.preview(0).weights


@pytest.mark.slow
def test_an_old_fingerprint_stays_and_a_weight_makes_another():
    (example,) = plain = built()
    taught = example.input_ids.tobytes() + example.labels.tobytes()
    assert plain.fingerprint == hashlib.blake2b(taught, digest_size=16).hexdigest()
    assert plain.preview(0).hash == hashlib.blake2b(taught, digest_size=8).hexdigest()
    heavier = [built(weights={"answer": w}).fingerprint for w in (2.0, 3.0)]
    turn = built(row(messages=[TALK[0], {**TALK[3], "weight": 2}], reasoning=None))
    even = built(row(messages=[TALK[0], TALK[3]], reasoning=None))
    assert len({*heavier, plain.fingerprint, turn.fingerprint, even.fingerprint}) == 5
    assert turn.preview(0).hash != even.preview(0).hash and turn.rows[0].key == even.rows[0].key


# -- what it shows -------------------------------------------------------------------------------------------
def test_the_preview_and_the_cards_show_them():
    chat = built(weights={"answer": 2.0, "Policy": 0.5})
    shown = chat.preview(0)
    assert (
        shown.weights["answer"] == 2.0
        and shown.weights["reasoning:Policy"] == 0.5
        and shown.weights["stop"] == 1.0
    )
    assert shown.to_dict()["weights"] == shown.weights
    assert [t.weight for t in shown.tokens] == chat[0].weights.tolist()
    html = shown._repr_html_()
    assert f"answer {shown.parts['answer']} × 2<" in html and "· learnt × 0.5" in html and "× 1" not in html
    assert "answer × 2, Policy × 0.5" in chat._repr_html_()


def test_choices_survive_the_run_card():
    config = ChatConfig(weights={"answer": 2, "Policy": 0.5})
    assert ChatConfig.from_dict(config.to_dict()) == config
    old = {name: value for name, value in ChatConfig().to_dict().items() if name != "weights"}
    assert ChatConfig.from_dict(old) == ChatConfig()
    chat = built(weights=config.weights)
    again = ChatFormat.from_dict(chat.format.to_dict(), student=chat.tokenizer)
    assert again.config.weights == {"answer": 2.0, "Policy": 0.5}


# -- what is refused -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 1e-9, "2", None])
def test_what_is_no_weight(value):
    with pytest.raises(FormatError, match="the weight of 'answer' is") as caught:
        ChatConfig(weights={"answer": value})
    assert eval(caught.value.fix, {"ChatConfig": ChatConfig}).weights == {"answer": 2.0}


@pytest.mark.parametrize(
    "choice",
    [
        {"weights": {"reasoning": 0, "answer": 0, "stop": 0}},
        {"weights": {"answer": 0}, "mask_reasoning": True},
        {"weights": {"reasoning": 0, "Policy": 0.0}, "mask_answer": True},
    ],
)
def test_nothing_left_to_learn(choice):
    with pytest.raises(FormatError, match="nothing is left to learn"):
        ChatConfig(**choice)
    assert ChatConfig(weights={"reasoning": 0, "Policy": 1, "answer": 0}).weights["Policy"] == 1


@pytest.mark.parametrize(
    ("wrong", "near"), [("Polcy", "Policy"), ("reasonning", "reasoning"), ("anwser", "answer")]
)
def test_a_name_that_no_row_has(wrong, near):
    with pytest.raises(FormatError, match=f"no row's reasoning has a field '{wrong}'") as caught:
        built(weights={wrong: 2.0})
    assert f'Did you mean "{near}"?' in caught.value.fix and "'reasoning:answer'" in caught.value.fix
    assert (
        built(strategy="final_only", weights={wrong: 2.0}).weights is None
    )  # nothing of the reasoning is read


def test_a_turn_that_is_weighed_wrongly_is_a_row_with_a_reason():
    talks = [[TALK[0], {**TALK[3], "weight": weight}] for weight in (2, None, float("nan"), "heavy", -1)]
    df = pd.DataFrame({"messages": talks})
    found = list(detect(df).read(df))
    assert [c.messages[-1].get("weight") if not c.problem else "" for c in found] == [2, None, None, "", ""]
    assert (
        "weight is 'heavy', which is not a number" in found[3].problem
        and "weight is -1; it is 0, or" in found[4].problem
    )
    bad = Conversation((TALK[0], {**TALK[3], "weight": -1}))
    chat = built(row(), ChatRow(3, "k", "train", bad, "why"))
    assert list(chat.report.dropped) == [
        "the weight of an assistant turn is -1; it is 0, or between 0.000001 and 1000000"
    ]


def test_they_are_an_option_like_any_other(tiny_student):
    df = rb.examples.refunds(4)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    chat = df.reason.to_chat(tiny_student, weights={"Amount": 2.0})
    assert chat.config.weights == {"Amount": 2.0} and chat.weights is not None
    with pytest.raises(FormatError, match="weights takes a dict"):
        df.reason.to_chat(tiny_student, weights=2.0)
