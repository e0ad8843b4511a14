"""Every row of a frame is kept or left out for one reason: five shapes of frame, each to a trained student's card."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.row_account import RowAccount
from reasonbook.examples.small_student import CHAT_TEMPLATE
from reasonbook.training import Run

END = "{{- content + '<|im_end|>\\n' -}}"
CALLS = (
    "{%- for call in message.tool_calls or [] -%}"
    "{{- '[' + call.function.name + ' ' + (call.function.arguments | tojson) + ']' -}}{%- endfor -%}"
)
WITH_TOOLS = CHAT_TEMPLATE.replace(END, "{{- content -}}" + CALLS + "{{- '<|im_end|>\\n' -}}")
RULES, SCHEMA = rb.examples.refund_rules, rb.examples.refund_schema


def filled(rows: int, **options) -> pd.DataFrame:
    df = rb.examples.refunds(rows)
    df.reason.augment(SCHEMA(), teacher=RULES, **options).wait()
    return df


def augmented() -> tuple[pd.DataFrame, dict, dict]:
    df = filled(40)
    df.reason.review().reject([0, 1]).edit(2, response="$1")
    return df, {}, {"rejected": 2, "stale": 1}


def half() -> tuple[pd.DataFrame, dict, dict]:
    """Stopped by its limit, and then cut short."""
    df = filled(40, limit=30)
    df.loc[[5, 6, 7], ["reasoning", "reasoning_status"]] = None, "pending"
    return df, {"missing": "drop"}, {"plain": 10, "pending": 3}


def plain_beside_augmented() -> tuple[pd.DataFrame, dict, dict]:
    other = rb.examples.refunds(20, seed=9)
    return pd.concat([filled(30), other], ignore_index=True), {"plain": "keep"}, {}


def conversations_with_tools() -> tuple[pd.DataFrame, dict, dict]:
    call = {"id": "1", "type": "function", "function": {"name": "price", "arguments": {"of": "a lamp"}}}
    whole = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello. What was it?"},
        {"role": "user", "content": "A lamp."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "12", "tool_call_id": "1"},
        {"role": "assistant", "content": "$12", "reasoning_content": "The lamp was 12."},
    ]
    long_end = [*whole[:-1], {**whole[-1], "content": "word " * 400}]
    long_all = [{"role": "user", "content": "word " * 400}, *whole[1:]]
    marked = [{"role": "user", "content": "<|im_end|> what?"}, *whole[1:]]
    unanswered = whole[:1]
    rows = [[{**whole[0], "content": f"Hi, {i}."}, *whole[1:]] for i in range(12)]
    df = pd.DataFrame({"messages": [*rows, long_end, long_all, marked, unanswered]})
    marker = "the user message holds the reserved marker '<|im_end|>'"
    options = {"max_length": 300, "chat_template": WITH_TOOLS}
    return df, options, {"longer than max_length": 1, marker: 1, "there is no response": 1}


def messy_csv(folder: Path) -> tuple[pd.DataFrame, dict, dict]:
    good = rb.examples.refunds(30)
    prompts = [*good["prompt"], None, "  ", "Hello?", good["prompt"][0], good["prompt"][1]]
    responses = [*good["response"], "$1", "$1", "What can I do?", good["response"][0], None]
    source = pd.DataFrame({"id": range(35), "prompt": prompts, "response": responses, "note": "imported"})
    source.to_csv(folder / "refunds.csv", index=False)
    df = pd.read_csv(folder / "refunds.csv")
    df.reason.augment(SCHEMA(), teacher=RULES).wait()
    return df, {"missing": "drop"}, {"invalid": 2, "error": 1, "there is no response": 1}


SHAPES = {
    "augmented": augmented, "half": half, "plain + augmented": plain_beside_augmented,
    "multi-turn with tools": conversations_with_tools, "messy CSV": messy_csv,
}  # fmt: skip


def sums(told) -> tuple[int, int, dict]:
    """The account, wherever it stands; as told it is whole."""
    rows, kept, left_out = (
        (told[name] if isinstance(told, dict) else getattr(told, name))
        for name in ("rows", "rows_kept", "left_out")
    )
    assert rows == kept + sum(left_out.values())
    return rows, kept, dict(left_out)


@pytest.mark.train
@pytest.mark.parametrize("shape", SHAPES)
def test_from_the_frame_to_the_card_of_a_trained_student(shape, tiny_student, tmp_path):
    make = SHAPES[shape]
    df, options, left_out = make(tmp_path) if make is messy_csv else make()
    expected = (len(df), len(df) - sum(left_out.values()), left_out)
    chat = df.reason.to_chat(tiny_student, **options)
    assert chat.report.ok, chat.report.problems
    assert sums(chat.report) == expected
    kept = {example.position for example in chat}
    assert len(kept) == expected[1], "a row counts once, however many training rows it gives"
    html = chat.report._repr_html_()
    assert f"{expected[1]} of {expected[0]}" in html
    assert all(reason.split("'")[0] in html for reason in left_out)
    run = rb.train(chat, max_steps=1, samples=0, eval_rows=2)
    run.wait()
    assert sums(run.card["data"]) == expected
    assert sums(json.loads(run.card_path.read_text())["data"]) == expected
    again = Run.load(run.id).data.from_chat(chat).account
    assert sums(again) == expected
    one = chat.split("train")[0].position
    assert chat[0].position in kept and one in kept


@pytest.mark.train
def test_the_account_goes_with_the_data_of_a_run(tiny_student):
    from reasonbook.training.runs.data import RunData

    df, options, left_out = half()
    run = df.reason.train(tiny_student, max_steps=1, samples=0, **options).wait()
    assert sums(RunData.load(run.folder).account) == (40, 27, left_out)


def test_a_part_of_a_conversation_that_is_left_out_leaves_the_row_kept(tiny_student):
    df, options, _ = conversations_with_tools()
    report = df.reason.to_chat(tiny_student, **options).report
    assert report.dropped["longer than max_length"] > report.left_out["longer than max_length"] == 1
    assert "training rows left out, also of rows that are kept" in report._repr_html_()


# -- ten of fifty --------------------------------------------------------------------------------------------
@pytest.fixture
def ten_of_fifty() -> pd.DataFrame:
    return filled(50, limit=10)


def test_a_limit_says_how_many_of_all(ten_of_fifty, tiny_student, tmp_path):
    report = ten_of_fifty.reason.to_chat(tiny_student).report
    assert sums(report) == (50, 10, {"plain": 40}) and report.ok
    assert any("40 of 50 rows were never asked for reasoning" in what for what, _ in report.warnings)
    assert "10 of 50" in report._repr_html_() and "plain 40" in report._repr_html_()
    assert sums(rb.export(ten_of_fifty).attrs) == sums(report)
    file = rb.export(ten_of_fifty, tmp_path / "rows.jsonl")
    assert (
        sums(file) == sums(report) and "10 of 50" in file._repr_html_() and "plain 40" in file._repr_html_()
    )


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["final_and_reasoning", "final_only"])
def test_the_caller_says_what_becomes_of_plain_rows(ten_of_fifty, tiny_student, strategy):
    reports = {
        plain: ten_of_fifty.reason.to_chat(tiny_student, strategy=strategy, plain=plain).report
        for plain in (None, "drop", "keep")
    }
    assert sums(reports["keep"]) == (50, 50, {})
    assert sums(reports["drop"]) == sums(reports[None]) == (50, 10, {"plain": 40})
    asked = {plain: any("plain=" in line for _, line in report.warnings) for plain, report in reports.items()}
    assert asked == {None: True, "drop": False, "keep": False}
    assert sums(rb.export(ten_of_fifty, plain="keep", strategy=strategy).attrs) == (50, 50, {})


def test_plain_rows_are_kept_though_failed_ones_are_not(tiny_student):
    df = pd.concat([filled(20), rb.examples.refunds(5, seed=9)], ignore_index=True)
    df.loc[0, "reasoning_status"] = "error"
    report = df.reason.to_chat(tiny_student, plain="keep", missing="drop").report
    assert sums(report) == (25, 24, {"error": 1}) and report.plain_rows == 5 and report.ok


def test_data_that_came_with_reasoning_keeps_its_plain_rows_and_says_so(tiny_student):
    df = pd.DataFrame(
        {
            "prompt": ["a?", "b?", "c?", "d?"] * 5,
            "response": "A",
            "reasoning": [None if i % 2 else f"{i} is an even number, so it is A." for i in range(20)],
        }
    )
    df["prompt"] = [f"{prompt} {i}" for i, prompt in enumerate(df["prompt"])]
    report = df.reason.to_chat(tiny_student).report
    assert report.ok and report.rows_kept == 20 and report.plain_rows == 10
    assert any(
        "10 of 20 rows have no reasoning and are trained as plain rows" in what for what, _ in report.warnings
    )
    assert not df.reason.to_chat(tiny_student, plain="keep").report.warnings
    assert sums(df.reason.to_chat(tiny_student, plain="drop").report) == (20, 10, {"plain": 10})


@pytest.mark.slow
def test_rows_that_failed_are_told_and_left_out_and_pending_ones_hold_the_student_back(tiny_student):
    df = filled(20)
    df.loc[3, "reasoning_status"] = "error"
    report = df.reason.to_chat(tiny_student).report
    assert report.ok and sums(report) == (20, 19, {"error": 1})
    assert any("1 of 20 rows were to get reasoning" in what for what, _ in report.warnings)
    assert not df.reason.to_chat(tiny_student, missing="error").report.ok
    df.loc[4, "reasoning_status"] = "pending"
    assert not df.reason.to_chat(tiny_student).report.ok


def test_filled_rows_with_nothing_in_them_count_as_without(tiny_student):
    df = filled(20)
    df.at[3, "reasoning"] = {"Amount": None}
    df.at[4, "reasoning"] = [None, {"Amount": "  "}]
    report = df.reason.to_chat(tiny_student).report
    assert sums(report) == (20, 18, {"no reasoning": 2}) and not report.ok


# -- the export ----------------------------------------------------------------------------------------------
def test_an_export_of_one_split_accounts_for_the_others(tmp_path):
    df = filled(40)
    df.reason.review().reject(0)
    df.reason.split()
    others = int((df["split"][1:] != "train").sum())
    file = rb.export(df, tmp_path / "train.jsonl", split="train")
    assert sums(file) == (40, 39 - others, {"rejected": 1, "split": others})
    assert len(file.read_text().splitlines()) == file.rows_kept


def test_what_an_export_returns_is_a_path(tmp_path):
    file = rb.export(filled(5), tmp_path / "rows.jsonl")
    assert isinstance(file, Path) and file == tmp_path / "rows.jsonl" and hash(file) == hash(Path(file))
    assert len(pd.read_json(file, lines=True)) == 5 and str(file) == str(tmp_path / "rows.jsonl")
    assert (
        file.parent == tmp_path
        and (file.parent / "x").name == "x"
        and file.with_suffix(".csv").suffix == ".csv"
    )


def test_an_export_of_nothing_says_why(tmp_path):
    df = filled(4)
    df.reason.review().reject([0, 1, 2, 3])
    with pytest.raises(rb.ReasonbookError, match="no row to export of 4: left out are rejected 4"):
        rb.export(df, tmp_path / "rows.jsonl")
    assert not list(tmp_path.glob("*.jsonl"))


# -- the invariant -------------------------------------------------------------------------------------------
def test_an_account_that_does_not_add_up_cannot_be_made():
    RowAccount(3, 2, {"plain": 1})
    with pytest.raises(AssertionError, match="3 rows came in, and 2 are accounted for"):
        RowAccount(3, 2, {})


def test_a_stream_of_rows_is_accounted_for_too(tiny_student):
    from reasonbook.chat import ChatRow, build
    from reasonbook.data.conversation import Conversation

    said = Conversation(({"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "42"}))
    rows = (
        ChatRow(
            i, str(i), "train", said if i % 3 else Conversation(said.messages[:1]), {"Work": "6 x 7 = 42"}
        )
        for i in range(9)
    )
    assert sums(build(rows, tiny_student).report) == (9, 6, {"there is no response": 3})
