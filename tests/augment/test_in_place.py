"""Properties of writing in place: any index, any dtype, rows dropped, added or reordered meanwhile."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasonbook.augment.frame_writer import FrameWriter
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.job import Mailbox

INDEXES = st.sampled_from(["range", "same", "text", "multi", "dates", "floats with nan"])
DTYPES = st.sampled_from(["object", "string", "string[pyarrow]"])


def frame(texts, index, dtype):
    n = len(texts)
    df = pd.DataFrame({"prompt": texts, "response": [f"r{t}" for t in texts]}).astype(dtype)
    df["other"] = range(n)
    if index == "same":
        df.index = pd.Index(["x"] * n)
    elif index == "text":
        df.index = pd.Index([f"i{i % 2}" for i in range(n)])
    elif index == "multi":
        df.index = pd.MultiIndex.from_arrays([[i % 2 for i in range(n)], ["a"] * n])
    elif index == "dates":
        df.index = pd.date_range("2026-01-01", periods=n)
    elif index == "floats with nan":
        df.index = pd.Index([float("nan")] * n)
    return df


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(st.sampled_from(["a", "b", "c", "ü", "d e"]), min_size=1, max_size=12),
    index=INDEXES,
    dtype=DTYPES,
    order=st.randoms(use_true_random=False),
    meanwhile=st.sampled_from(["nothing", "drop", "reverse", "shuffle", "add", "column"]),
)
def test_every_row_gets_its_own_value(texts, index, dtype, order, meanwhile):
    df = frame(texts, index, dtype)
    before, mailbox = df.copy(), Mailbox()
    target = Frame(df, detect(df))
    writer = FrameWriter(target, mailbox)
    writer.keys = list(Frame(before, detect(before)).keys)
    # Equal rows share one answer and finish together.
    early = set(order.sample(sorted(set(texts)), order.randint(0, len(set(texts)))))
    late = set(order.sample(sorted(set(texts)), order.randint(0, len(set(texts))))) - early
    first = [i for i, text in enumerate(texts) if text in early]
    second = [i for i, text in enumerate(texts) if text in late]
    done = first + second

    def deliver(positions):
        for position in positions:
            writer.add(position, {"Field": texts[position]}, "ok", None)
        writer.flush(now=True)
        mailbox.drain()

    deliver(first)
    kept = list(range(len(texts)))
    if meanwhile == "drop":
        kept = [i for i in kept if i % 3 != 1]
    elif meanwhile == "reverse":
        kept.reverse()
    elif meanwhile == "shuffle":
        order.shuffle(kept)
    changed = df.iloc[kept]
    if meanwhile == "add":
        changed = pd.concat([frame(["new"], "range", dtype), changed])
    if meanwhile == "column":
        changed = changed.assign(more=1)
    target.df = df = changed.copy()
    deliver(second)
    assert writer.trouble is None
    if "reasoning" in df:
        if meanwhile != "drop":  # all rows are still there, so each has its value
            assert df["reasoning"].map(lambda cell: isinstance(cell, dict)).sum() == len(done)
        for text, cell in zip(df["prompt"], df["reasoning"], strict=True):
            assert not isinstance(cell, dict) or cell == {"Field": text}
    same = [i for i in kept if i < len(before)]
    offset = 1 if meanwhile == "add" else 0
    assert df["other"].iloc[offset:].tolist() == [before["other"].iloc[i] for i in same]
    assert df["prompt"].iloc[offset:].tolist() == [texts[i] for i in kept]
    assert df["prompt"].dtype == before["prompt"].dtype


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_deliveries_in_any_portions_give_the_same_frame(sizes):
    n = sum(sizes)
    df = frame([f"t{i}" for i in range(n)], "same", "object")
    target, mailbox = Frame(df, detect(df)), Mailbox()
    writer = FrameWriter(target, mailbox)
    writer.keys = list(target.keys)
    at = 0
    for size in sizes:
        for position in range(at, at + size):
            writer.add(position, {"Field": position}, "ok", None)
        at += size
        writer.flush(now=True)
        mailbox.drain()
    assert [cell["Field"] for cell in df["reasoning"]] == list(range(n))
    assert df["reasoning_status"].tolist() == ["ok"] * n
