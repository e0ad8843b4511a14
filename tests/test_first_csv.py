"""What a first CSV looks like: written, read by `pd.read_csv` as anybody does, and used without a word more."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect, layout_of
from reasonbook.errors import LayoutError, SchemaError


def read(tmp_path, text: str, **options) -> pd.DataFrame:
    path = tmp_path / "first.csv"
    path.write_text(text, encoding="utf-8")
    return pd.read_csv(path, **options)


def responses(df: pd.DataFrame) -> list[str | None]:
    found = list(layout_of(df).read(df))
    assert not any(c.problem for c in found), found
    return [c.response for c in found]


@pytest.mark.parametrize(
    ("cells", "texts", "dtype"),
    [
        (("7", "12", "-3"), ["7", "12", "-3"], "int64"),
        (("7", "", "12"), ["7", None, "12"], "float64"),
        (("7.5", "12.0", "0.1"), ["7.5", "12", "0.1"], "float64"),
        (("True", "false", "TRUE"), ["True", "False", "True"], "bool"),
        (("yes", "no", "yes"), ["yes", "no", "yes"], None),
        (("2024-03-01", "2024-03-02", ""), ["2024-03-01", "2024-03-02", None], None),
        (("$7", "8", "9 EUR"), ["$7", "8", "9 EUR"], None),
        (("9007199254740993", "1", "2"), ["9007199254740993", "1", "2"], "int64"),
    ],
)
def test_answers_are_texts_whatever_pandas_makes_of_them(tmp_path, cells, texts, dtype):
    lines = "".join(f"what is {i}?,{cell}\n" for i, cell in enumerate(cells))
    df = read(tmp_path, "question,answer\n" + lines)
    assert dtype is None or df["answer"].dtype == dtype
    assert responses(df) == texts


def test_dates_are_dates_and_times_are_told(tmp_path):
    df = read(tmp_path, "q,a\nwhen?,2024-03-01\nand then?,2024-03-01 14:30\n")
    df["a"] = pd.to_datetime(df["a"], format="mixed")
    assert responses(df) == ["2024-03-01", "2024-03-01 14:30:00"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.1), "0.1"), (np.int8(7), "7"), (np.bool_(True), "True"), (Decimal("7.50"), "7.50"),
        (datetime.date(2024, 3, 1), "2024-03-01"), (datetime.time(9, 30), "09:30:00"), (1e300, str(int(1e300))),
        (pd.Timestamp("2024-03-01T01:02:03.000000004"), "2024-03-01 01:02:03.000000004"),
        (pd.Timestamp("2024-03-01", tz="UTC"), "2024-03-01 00:00:00+00:00"),
    ],
)  # fmt: skip
def test_each_value_has_one_form(value, text):
    assert responses(pd.DataFrame({"prompt": ["x"], "response": pd.Series([value], dtype=object)})) == [text]


def test_single_precision_is_read_as_it_is_shown():
    df = pd.DataFrame({"prompt": ["x", "y", "z"], "response": np.array([0.1, 7.0, np.nan], dtype="float32")})
    assert responses(df) == ["0.1", "7", None]


def test_what_was_converted_is_said_with_column_count_and_form(tmp_path):
    df = read(tmp_path, "question,answer\n" + "".join(f"what is {i}?,{i}\n" for i in range(9)) + "and?,\n")
    layout = df.reason.layout()
    assert layout.account.converted == ("answer: 9 numbers as text, whole ones without a point (0.0 → '0')",)
    assert layout.account.facts == {"rows": 10, "with a response": 9, "requests alone": 1}
    assert "9 numbers as text" in layout._repr_html_()
    job = df.reason.augment({"Why": "Say why."}, teacher=lambda request: {"Why": "so"}).wait()
    assert any("9 numbers as text" in event.data["text"] for event in job.stream if event.kind == "note")


def test_a_row_has_the_same_name_in_every_slice(tmp_path):
    """Whether its column is whole numbers, has gaps or holds fractions, beside which rows it stands."""
    df = read(tmp_path, "question,answer\na?,7\nb?,8.5\nc?,\n")
    whole = dict(zip(df["question"], Frame(df, detect(df)).keys, strict=True))
    part = df[df["question"] == "a?"].astype({"answer": "int64"})
    assert Frame(part, detect(part)).keys == [whole["a?"]]


@pytest.mark.parametrize(("old", "new"), [("7", "12.50"), ("True", "no"), ("7", "07")])
def test_an_edited_number_is_kept_as_it_was_typed(tmp_path, old, new):
    df = read(tmp_path, f"question,answer\na?,{old}\nb?,{old}\n")
    df.reason.review().edit(0, response=new)
    assert responses(df) == [new, old] and df["answer"][0] == new
    assert df.reason.review()[0].response == new


NAMES = [
    ("q", "a"), ("Q", "A"), ("user_message", "assistant_message"), ("User Message", "Assistant Message"),
    ("human", "assistant"), ("customer_message", "agent_response"), ("question", "correct_answer"),
    ("input", "target"), ("text", "label"), ("prompt", "expected_output"), ("email", "reply"),
    ("source", "target"), ("instruction", "completion"), ("query", "model_response"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "response"), NAMES)
def test_plain_names_need_no_naming(tmp_path, request_, response):
    df = read(tmp_path, f"id,{request_},{response}\n1,what is it?,a parcel\n2,and that?,a letter\n")
    layout = df.reason.layout()
    assert (layout.prompt, layout.response) == (request_, response)
    assert responses(df) == ["a parcel", "a letter"]


MESSAGES = [
    {"role": "user", "content": 'It\'s "late",\nagain'},
    {"role": "assistant", "content": "<b>No</b> \\n, really", "reasoning_content": None, "weight": 1},
]


def test_messages_come_back_from_a_csv_of_python_lists(tmp_path):
    df = pd.DataFrame({"messages": [MESSAGES] * 3, "day": ["Mon", "Tue", "Wed"]})
    path = tmp_path / "m.csv"
    df.to_csv(path, index=False)
    back = pd.read_csv(path)
    assert list(detect(back).keys(back)) == list(detect(df).keys(df))
    assert responses(back) == ["<b>No</b> \\n, really"] * 3


@pytest.mark.parametrize("spread", ["numpy", "nan"])
def test_and_as_numpy_prints_what_came_from_parquet(tmp_path, spread):
    cell = (
        np.array(MESSAGES, dtype=object) if spread == "numpy" else [{**m, "name": np.nan} for m in MESSAGES]
    )
    df = pd.DataFrame({"messages": [cell] * 2})
    df.to_csv(tmp_path / "m.csv", index=False)
    back = pd.read_csv(tmp_path / "m.csv")
    assert responses(back) == [MESSAGES[1]["content"]] * 2


@pytest.mark.parametrize(
    "text",
    [
        "[{'role': 'user', 'content': __import__('os').getcwd()}]",
        "[{'role': 'user', 'content': open('x').read()}]",
        "[{'role': 'user', 'content': 'a' * 9}]",
        "[{'role': 'user', 'content': f'{1}'}]",
        "[x for x in [1]]",
        "[{**{}}]",
        "[" * 5000,
        "[" + "-" * 100_000 + "1]",
        "[{'role': 'user', 'content': '" + "a" * 2_000_000 + "'}]",
        "[{'role': 'user', 'content': 'a'} ... {'role': 'user', 'content': 'b'}]",
    ],
    ids=lambda text: text[:40],
)
def test_nothing_in_a_cell_is_run(text):
    df = pd.DataFrame({"messages": [MESSAGES, text]})
    [_, conversation] = detect(df).read(df)
    assert "messages is neither valid JSON nor a printed Python list" in conversation.problem


@pytest.mark.parametrize("form", ["json", "python"])
def test_an_edit_inside_a_text_keeps_the_rest_of_the_conversation(tmp_path, form):
    df = pd.DataFrame({"messages": [MESSAGES] * 2})
    if form == "json":
        df["messages"] = [pd.Series([m]).to_json(orient="values")[1:-1] for m in df["messages"]]
    df.to_csv(tmp_path / "m.csv", index=False)
    back = pd.read_csv(tmp_path / "m.csv")
    back.reason.review().edit(0, response="Yes")
    [first, second] = detect(back).read(back)
    assert first.messages == ({"role": "user", "content": MESSAGES[0]["content"]},
                              {"role": "assistant", "content": "Yes"})  # fmt: skip
    assert second.response == MESSAGES[1]["content"]


# -- a layout that was named ----------------------------------------------------------------------------------
def named() -> pd.DataFrame:
    df = pd.DataFrame({"alpha": ["x?", "y?", "z?"], "beta": ["1", "2", "3"], "n": [1, 2, 3]})
    df.reason.layout(prompt="beta", response="alpha")
    return df


CUTS = {
    "copy": lambda df: df.copy(),
    "slice": lambda df: df[df["n"] > 1],
    "head": lambda df: df.head(2),
    "sample": lambda df: df.sample(2, random_state=0),
    "sorted": lambda df: df.sort_values("n"),
    "columns": lambda df: df[["alpha", "beta"]],
    "assign": lambda df: df.assign(more="x"),
    "concat": lambda df: pd.concat([df, df[df["n"] > 2]]),
    "concat with a frame that nobody named": lambda df: pd.concat(
        [df, pd.DataFrame({"alpha": ["w?"], "beta": ["4"], "n": [4]})], ignore_index=True
    ),
    "groupby": lambda df: next(part for _, part in df.groupby("n")),
    "from a dict": lambda df: pd.DataFrame(df.to_dict("list")),
    "csv": lambda df: pd.read_csv(__import__("io").StringIO(df.to_csv(index=False))),
    "merge": lambda df: df.merge(pd.DataFrame({"n": [1, 2, 3], "more": "abc"})),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("note", ["kept", "lost"])
def test_slices_and_copies_keep_the_layout(cut, note):
    df = named()
    made = CUTS[cut](df)
    if note == "lost":
        made.attrs.clear()
    layout = made.reason.layout()
    assert (layout.prompt, layout.response) == ("beta", "alpha")


def test_a_frame_that_was_named_otherwise_keeps_its_own():
    df = named()
    other = df.copy()
    other.reason.layout(prompt="alpha", response="beta")
    assert (df.reason.layout().prompt, other.reason.layout().prompt) == ("beta", "alpha")
    assert other[other["n"] > 1].reason.layout().prompt == "alpha"


def test_two_names_for_the_same_columns_leave_a_question():
    one, two = (pd.DataFrame({"kappa": ["x?"], "omega": ["1"]}) for _ in range(2))
    one.reason.layout(prompt="kappa", response="omega")
    two.reason.layout(prompt="omega", response="kappa")
    with pytest.raises(LayoutError, match="not clear"):
        pd.DataFrame({"kappa": ["w?"], "omega": ["9"]}).reason.layout()


def test_a_named_column_that_went_leaves_the_guess():
    df = pd.DataFrame({"prompt": ["a"], "response": ["b"], "extra": ["c"]})
    df.reason.layout(prompt="prompt", response="extra")
    assert df.drop(columns="extra").reason.layout().response == "response"
    assert df.drop(columns="extra").reason.layout().guessed


@pytest.mark.parametrize("note", ["text", {"prompt": "gone"}, {"wrong": "x"}, 5, {"prompt": ["prompt"]}, {}])
def test_a_note_that_means_nothing_is_passed_over(note):
    df = pd.DataFrame({"prompt": ["a"], "response": ["b"]})
    df.attrs["reasonbook.layout"] = note
    assert df.reason.layout().response == "response"


# -- a schema of names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "names", [["Policy", "Amount"], ("Policy", "Amount"), pd.Index(["Policy", "Amount"])]
)
def test_a_list_of_names_is_a_schema_whose_instructions_are_said(names):
    schema = rb.Schema(names)
    assert schema.names == ("Policy", "Amount")
    assert schema["Policy"].instruction == "State the Policy that follows from the request, in one sentence."
    shown = schema._repr_html_()
    assert "Instructions made from the name: Policy, Amount" in shown and "State the Policy" in shown
    schema.update("Policy", instruction="Which rule applies?")
    assert "made from the name: Amount." in schema._repr_html_()


def test_names_and_fields_stand_together_and_a_blank_name_is_refused():
    assert (
        rb.Schema(["Policy", ("Amount", "How much?"), {"name": "Why", "instruction": "Why?"}]).names[0]
        == "Policy"
    )
    for wrong in ([" "], ["Policy", "policy"], [5]):
        with pytest.raises(SchemaError):
            rb.Schema(wrong)


def test_a_job_takes_a_list_of_names(tmp_path):
    df = read(tmp_path, "q,a\nsix sevens?,42\nand a half?,7.5\n")
    df.reason.augment(["Method"], teacher=lambda request: {"Method": "multiply"}).wait()
    assert df["reasoning"].tolist() == [{"Method": "multiply"}] * 2
