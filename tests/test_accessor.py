"""``df.reason`` on every kind of frame a person may bring; the sentences they meet when it does not fit."""

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.errors import FormatError, LayoutError, ReasonbookError, SchemaError, TrainingError


def rules(prompt):
    return rb.examples.refund_rules(prompt)


def augmented(n=30, **columns):
    df = rb.examples.refunds(n, seed=3).assign(**columns)
    df.reason.augment(rb.examples.refund_schema(), teacher=rules).wait()
    return df


def test_the_whole_way_of_the_data_in_one_frame(tiny_student):
    df = rb.examples.refunds(40, seed=1)
    before = df.copy()
    job = df.reason.augment(rb.examples.refund_schema(), teacher=rules)
    assert "Augmentation" in repr(job) and job.wait().status == "COMPLETED"
    review = df.reason.review().reject(0).accept([1, 2]).rate(1, 5)
    chat = df.reason.to_chat(tiny_student)
    assert chat.report.ok and chat.report.rows == 39, "a rejected row takes no part"
    assert sum(chat.splits.values()) == 39 and set(df["split"]) == {"train", "validation", "test"}
    assert review.counts["accepted"] == 2
    assert list(df.columns) == [
        "prompt", "response", "reasoning", "reasoning_status", "reasoning_error", "verdict", "rating", "split",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(df[["prompt", "response"]], before)


@pytest.mark.parametrize(
    ("df", "says"),
    [
        (pd.DataFrame(), "0 rows and 0 columns"),
        (pd.DataFrame({"prompt": [], "response": []}), "0 rows and 2 columns"),
        (pd.DataFrame({"x": [1], "y": ["text"]}), "'x' \\(1\\), 'y' \\(text\\)"),
    ],
)
def test_a_frame_that_is_not_clear_shows_its_columns_and_the_line_to_type(df, says):
    for verb in (
        lambda: df.reason.layout(),
        lambda: df.reason.augment({"A": "a"}, teacher=rules),
        lambda: df.reason.review(),
        lambda: df.reason.to_chat("student"),
    ):
        with pytest.raises(LayoutError, match=says) as caught:
            verb()
        assert "df" in caught.value.fix


def test_named_columns_are_kept_for_the_frame_and_checked():
    df = pd.DataFrame({"q": ["how?"], "a": ["so"]})
    assert df.reason.layout(prompt="q", response="a").columns == {"prompt": "q", "response": "a"}
    assert df.reason.layout().prompt == "q"
    with pytest.raises(LayoutError, match="'nope' for response is not there"):
        df.reason.layout(prompt="q", response="nope")
    with pytest.raises(LayoutError, match='Did you mean "prompt"'):
        df.reason.layout(promt="q")


def test_rows_that_cannot_be_asked_are_invalid_with_a_reason_and_the_rest_goes_on():
    rows = [None, np.nan, "   ", 42, ["a"], "I bought 2 lamps"]
    df = pd.DataFrame({"prompt": pd.Series(rows, dtype=object), "response": "x"})
    df.reason.augment({"What": "what"}, teacher=lambda prompt: {"What": prompt}).wait()
    assert df["reasoning_status"].tolist() == ["invalid"] * 5 + ["ok"]
    assert all(isinstance(why, str) and why for why in df["reasoning_error"].tolist()[:5])
    assert df["reasoning"].tolist()[-1] == {"What": "I bought 2 lamps"}


@pytest.mark.parametrize("index", [["x"] * 30, pd.MultiIndex.from_product([["a", "b"], range(15)])])
def test_duplicate_and_multi_index(index, tiny_student):
    df = augmented()
    df = df.set_index(pd.Index(index) if isinstance(index, list) else index)
    df.reason.review().reject(7)
    assert df["verdict"].tolist().index("rejected") == 7
    chat = df.reason.to_chat(tiny_student)
    assert 7 not in {example.position for example in chat} and len(chat) == 29


def test_one_row(tiny_student):
    df = augmented(1)
    chat = df.reason.to_chat(tiny_student)
    assert df["split"].tolist() == ["train"] and len(chat.split("train")) == 1


def test_a_copy_goes_on_from_its_columns(tiny_student):
    df = augmented().copy()
    df.attrs.clear()
    assert len(df.reason.to_chat(tiny_student)) == 30


@pytest.mark.parametrize("schema", [{}, [], {"A": " "}, rb.Field("A", "a"), None])
def test_a_schema_without_a_valid_field(schema):
    with pytest.raises(SchemaError) as caught:
        rb.examples.refunds(3).reason.augment(schema, teacher=rules)
    assert "rb." in caught.value.fix


def test_a_student_that_cannot_be_found():
    with pytest.raises(FormatError, match="no-such-student") as caught:
        augmented(5).reason.to_chat("./no-such-student")
    assert caught.value.fix


def test_an_empty_train_split_is_refused_before_training(tiny_student):
    df = augmented(10)
    df["split"] = "test"
    with pytest.raises(ReasonbookError) as caught:
        df.reason.train(tiny_student, max_steps=1)
    assert "train" in caught.value.problem and caught.value.fix


def test_too_long_rows_are_left_out_and_counted_never_cut(tiny_student):
    df = augmented(20)
    df.loc[3, "prompt"] = df.loc[3, "prompt"] + " please" * 300
    chat = df.reason.to_chat(tiny_student, max_length=256)
    assert 3 not in {example.position for example in chat} and len(chat) == 19
    assert sum(chat.report.dropped.values()) == 1
    assert max(len(example.input_ids) for example in chat) <= 256


def test_to_chat_takes_a_config_and_single_parts_which_win(tiny_student):
    from reasonbook.chat import ChatConfig

    df = augmented(12)
    config = ChatConfig(system="Be brief.", style="json", max_length=900)
    chat = df.reason.to_chat(tiny_student, config=config, style="lines", max_length=800)
    assert (chat.config.system, chat.config.style, chat.max_length) == ("Be brief.", "lines", 800)
    with pytest.raises(FormatError, match='"system"') as caught:
        df.reason.to_chat(tiny_student, sytem="Be brief.")
    assert "no option 'sytem'" in caught.value.problem


@pytest.mark.train
def test_train_reaches_both_configs(tiny_student):
    from reasonbook.chat import ChatConfig
    from reasonbook.training import TrainConfig

    df = augmented(16)
    run = df.reason.train(
        tiny_student,
        chat=ChatConfig(system="Be brief.", mask_answer=True),
        config=TrainConfig(max_steps=9, samples=0, seed=4),
        mask_answer=False,
        mask_reasoning=True,
        tags=("<why>", "</why>"),
        max_steps=1,
        name="masked",
    ).wait()
    assert (run.name, run.plan.steps, run.plan.seed) == ("masked", 1, 4)
    config = run.format.config
    assert (config.system, config.mask_reasoning, config.mask_answer) == ("Be brief.", True, False)
    assert config.tags == ("<why>", "</why>")


@pytest.mark.parametrize(
    ("wrong", "near"), [("mask_resoning", "mask_reasoning"), ("learning_rat", "learning_rate")]
)
def test_train_refuses_an_unknown_option_with_the_nearest_of_both_configs(wrong, near):
    with pytest.raises(TrainingError, match=f"no option {wrong!r}") as caught:
        augmented(4).reason.train("student", **{wrong: 1})
    assert f'Did you mean "{near}"?' in caught.value.fix


def test_no_option_belongs_to_both_configs():
    from dataclasses import fields

    from reasonbook.chat import ChatConfig
    from reasonbook.training import TrainConfig

    assert not {f.name for f in fields(ChatConfig)} & {f.name for f in fields(TrainConfig)}


def test_rows_without_ok_reasoning_do_not_train(tiny_student):
    df = augmented(20)
    review = df.reason.review().edit(2, response="$1")
    assert df["reasoning_status"].tolist()[2] == "stale"
    assert 2 not in {example.position for example in df.reason.to_chat(tiny_student)}
    review.confirm(2)
    assert 2 in {example.position for example in df.reason.to_chat(tiny_student)}


def test_splits_are_made_once_and_kept():
    df = rb.examples.refunds(200, seed=2)
    counts = df.reason.split(test=0.2, validation=0.1)
    assert counts.to_dict() == {"train": 140, "test": 40, "validation": 20}
    before = df["split"].tolist()
    df.reason.split(test=0.5, validation=0.0, seed=9)
    assert df["split"].tolist() == before
    with pytest.raises(LayoutError, match="'kind'"):
        rb.examples.refunds(5).reason.split(stratify="kind")


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_augmented_in_place():
    df = pd.DataFrame({"prompt": [f"order {i}" for i in range(100_000)], "response": "ok"})
    df.reason.augment({"Order": "which"}, teacher=lambda prompt: {"Order": prompt[6:]}).wait()
    assert [r["Order"] for r in df["reasoning"]] == [str(i) for i in range(100_000)]
    assert (df["reasoning_status"] == "ok").all()
