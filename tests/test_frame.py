"""Writing into the user's frame: any index, any dtype, rows moved or gone meanwhile."""

import random
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbook.data.frame import Frame
from reasonbook.data.layout import Layout, detect
from reasonbook.errors import LayoutError


def frame_of(n=6, index=None, **columns):
    data = {
        "prompt": [f"question {i}" for i in range(n)],
        "response": [f"answer {i}" for i in range(n)],
        **columns,
    }
    df = pd.DataFrame(data, index=index)
    return df, Frame(df, Layout(prompt="prompt", response="response"))


INDEXES = {
    "default": lambda n: None,
    "strings": lambda n: [f"row {i}" for i in range(n)],
    "duplicate": lambda n: ["x"] * n,
    "multi": lambda n: pd.MultiIndex.from_tuples([(i % 2, "a") for i in range(n)]),
    "dates": lambda n: pd.date_range("2026-01-01", periods=n),
    "floats with NaN": lambda n: [np.nan] * n,
}


@pytest.mark.parametrize("kind", INDEXES)
def test_cells_land_by_position_whatever_the_index(kind):
    df, frame = frame_of(index=INDEXES[kind](6))
    before = df.index
    frame.write_rows(
        {"reasoning": [{"A": 4}, {"A": 1}], "rating": [5, None]}, [frame.keys[4], frame.keys[1]], [4, 1]
    )
    assert [r if r is None else r["A"] for r in df["reasoning"].tolist()] == [None, 1, None, None, 4, None]
    assert df["rating"].dtype == "Int64" and df["rating"].tolist()[4] == 5
    assert df.index is before and list(df.columns)[:3] == ["prompt", "response", "reasoning"]


def shuffled(df, rng):
    order = list(range(len(df)))
    rng.shuffle(order)
    df["__order"] = order
    df.sort_values("__order", inplace=True)
    del df["__order"]


@given(
    n=st.integers(1, 30),
    index=st.sampled_from(sorted(INDEXES)),
    same=st.booleans(),
    seed=st.integers(0, 10_000),
    acts=st.lists(st.sampled_from(["shuffle", "drop", "append", "reset", "column"]), max_size=3),
)
@pytest.mark.slow
def test_every_value_finds_its_row_whatever_happened_to_the_frame(n, index, same, seed, acts):
    rng = random.Random(seed)
    df, frame = frame_of(n, INDEXES[index](n))
    if same:  # some rows are equal: they are interchangeable, but each gets one value
        df["prompt"] = [f"question {i // 2}" for i in range(n)]
        df["response"] = "same"
        frame = Frame(df, frame.layout)
    keys = list(frame.keys)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for act in acts:
            if act == "shuffle":
                shuffled(df, rng)
            elif act == "drop" and len(df) > 1:
                df.reset_index(drop=True, inplace=True)
                df.drop(index=rng.randrange(len(df)), inplace=True)
            elif act == "append":
                df.reset_index(drop=True, inplace=True)
                df.loc[len(df)] = [f"new {len(df)}", "new", *[None] * (len(df.columns) - 2)]
            elif act == "reset":
                df.reset_index(drop=True, inplace=True)
            else:
                df.insert(0, f"extra {len(df.columns)}", 1)
    values = [{"for": key.split(".")[0]} for key in keys]
    lost = frame.write_rows({"reasoning": values, "reasoning_status": ["ok"] * n}, keys, list(range(n)))
    landed = 0
    for conversation, reasoning in zip(frame.layout.read(df), frame.column("reasoning"), strict=True):
        if reasoning is not None:
            assert reasoning["for"] == conversation.key
            landed += 1
    assert landed + len(lost) == n


def test_a_frame_cut_from_another_leaves_that_one_alone_and_does_not_warn():
    whole, _ = frame_of(6)
    part = whole[whole["prompt"] > "question 2"]
    frame = Frame(part, Layout(prompt="prompt", response="response"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame.write("reasoning_status", {0: "ok"})
    assert "reasoning_status" not in whole.columns and part["reasoning_status"].tolist() == ["ok", None, None]


def test_arrow_strings_stay_arrow_strings():
    df, frame = frame_of()
    df["response"] = df["response"].astype("string[pyarrow]")
    frame = Frame(df, frame.layout)
    assert frame.write_response(frame.keys[2], 2, "edited")
    assert df["response"].dtype == "string[pyarrow]" and df["response"].tolist()[2] == "edited"


def test_a_column_that_stands_twice_is_refused():
    df, frame = frame_of()
    df.insert(2, "reasoning", 1)
    df.insert(2, "reasoning", 2, allow_duplicates=True)
    with pytest.raises(LayoutError, match="more than one column 'reasoning'"):
        frame.write("reasoning", {0: {}})


def test_an_edited_response_keeps_the_rows_name_and_is_found_after_a_shuffle():
    df, frame = frame_of()
    name = frame.keys[3]
    frame.write_response(name, 3, "edited")
    assert frame.keys[3] == name
    shuffled(df, random.Random(1))
    frame.write_rows({"verdict": ["accepted"]}, [name], [3])
    assert df.loc[df["verdict"] == "accepted", "response"].tolist() == ["edited"]


def test_a_response_inside_messages_is_replaced_there():
    for turns in (
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "reasoning_content": "r"}],
        [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
    ):
        df = pd.DataFrame({"messages" if "role" in turns[0] else "conversations": [turns]})
        frame = Frame(df, detect(df))
        frame.write_response(frame.keys[0], 0, "b")
        [conversation] = frame.layout.read(df)
        assert conversation.response == "b" and conversation.reasoning is None
        assert turns[1].get("content", turns[1].get("value")) == "a", "the caller's own list is not changed"


@pytest.mark.slow
def test_ten_times_the_rows_take_about_ten_times_the_time():
    import time

    def seconds(n):
        _, frame = frame_of(n)
        keys = frame.keys
        began = time.process_time()
        for start in range(0, n, n // 20):
            at = list(range(start, start + n // 20))
            frame.write_rows({"reasoning": [{"a": 1}] * len(at)}, [keys[i] for i in at], at)
        return time.process_time() - began

    seconds(1000)
    assert seconds(40_000) < 40 * max(seconds(4_000), 0.005)  # quadratic writing would be 100 times


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.text(), st.text() | st.sampled_from(["<think>a</think>b", "a</think>b"])), min_size=1
    )
)
def test_the_quick_way_to_a_key_gives_the_same_key(rows):
    df = pd.DataFrame(rows, columns=["prompt", "response"])
    frame = Frame(df, Layout(prompt="prompt", response="response"))
    assert [key.partition(".")[0] for key in frame.keys] == [c.key for c in frame.layout.read(df)]
