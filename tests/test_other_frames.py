"""Rows from datasets, polars, Arrow, files and Kiln, and back: nothing is lost on the way."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.errors import ReasonbookError

ROWS = [
    {
        "messages": [{"role": "user", "content": f"{i} x 7?"}, {"role": "assistant", "content": str(7 * i)}],
        "n": i,
    }
    for i in range(3)
]


def augmented() -> pd.DataFrame:
    df = rb.examples.refunds(6)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    df.reason.review().accept(0).reject(1)
    df.reason.review().rate(0, 5)
    df.reason.split()
    return df


def plain(value):
    """Arrow's arrays and dicts as Python's."""
    if isinstance(value, np.ndarray | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return None if value is None or value is pd.NA or value != value else value


def records(df: pd.DataFrame) -> list[dict]:
    return [{k: plain(v) for k, v in row.items()} for row in df.to_dict("records")]


@pytest.mark.parametrize("kind", ["datasets", "polars", "pandas"])
def test_there_and_back(kind):
    pytest.importorskip(kind)
    df = augmented()
    other = rb.frame(df, kind=kind)
    assert type(other).__module__.partition(".")[0] == kind
    back = rb.frame(other)
    assert records(back) == records(df)
    assert list(back.columns) == list(df.columns)
    assert list(back.reason.layout().keys(back)) == list(df.reason.layout().keys(df))
    assert records(rb.export(back)) == records(rb.export(df))


def test_conversations_come_out_of_a_dataset_as_they_went_in():
    datasets = pytest.importorskip("datasets")
    df = rb.frame(datasets.Dataset.from_list(ROWS))
    assert [c.response for c in df.reason.layout().read(df)] == ["0", "7", "14"]


def test_the_splits_of_a_dataset_become_the_column_split():
    datasets = pytest.importorskip("datasets")
    part = datasets.Dataset.from_list(ROWS)
    df = rb.frame(datasets.DatasetDict({"train": part, "dev": part.select([0]), "test": part.select([1, 2])}))
    assert df["split"].tolist() == ["train"] * 3 + ["validation"] + ["test"] * 2
    assert "split" not in rb.frame(datasets.DatasetDict({"train": part}))
    with pytest.raises(ReasonbookError, match="'gold' is none of ours") as caught:
        rb.frame(datasets.DatasetDict({"train": part, "gold": part}))
    assert caught.value.fix == "rb.frame(data['train'])"


def test_a_streamed_dataset_is_read_whole():
    datasets = pytest.importorskip("datasets")
    assert len(rb.frame(datasets.Dataset.from_list(ROWS).to_iterable_dataset())) == 3


def test_polars_queries_are_collected():
    polars = pytest.importorskip("polars")
    df = rb.frame(polars.DataFrame({"q": ["a", "b"], "a": [1, None]}).lazy())
    assert [c.response for c in df.reason.layout().read(df)] == ["1", None]


def test_arrow_tables_and_lists_of_dicts():
    arrow = pytest.importorskip("pyarrow")
    assert records(rb.frame(arrow.Table.from_pylist(ROWS))) == ROWS
    assert records(rb.frame(ROWS)) == ROWS


class Stream:
    """A frame of a library that nobody here has heard of."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_any_frame_with_arrows_interface():
    arrow = pytest.importorskip("pyarrow")
    assert records(rb.frame(Stream(arrow.Table.from_pylist(ROWS)))) == ROWS


def test_a_column_of_several_kinds_is_named_on_the_way_out():
    pytest.importorskip("datasets")
    df = pd.DataFrame({"prompt": ["a", "b"], "response": ["x", 5]})
    with pytest.raises(ReasonbookError, match="'response' holds values of several kinds") as caught:
        rb.frame(df, kind="datasets")
    exec(caught.value.fix, {"df": df})
    assert rb.frame(df, kind="datasets")["response"][1] == "5"


@pytest.mark.parametrize("source", [None, 5, object(), [1, 2], {"a": 1}, lambda: 1])
def test_what_is_no_frame_is_refused_with_a_line(source):
    with pytest.raises(ReasonbookError, match="Rows cannot be taken from") as caught:
        rb.frame(source)
    assert "rb.frame(" in caught.value.fix


def test_an_unknown_kind_names_the_known():
    with pytest.raises(ReasonbookError, match="kind='polar'") as caught:
        rb.frame(ROWS, kind="polar")  # type: ignore[call-overload]
    assert 'Did you mean "polars"?' in caught.value.fix


# -- files ------------------------------------------------------------------------------------------------------
WRITE = {
    "rows.jsonl": lambda path: path.write_text("\n\n".join(map(json.dumps, ROWS)), encoding="utf-8-sig"),
    "rows.json": lambda path: path.write_text(json.dumps(ROWS)),
    "named.json": lambda path: path.write_text(json.dumps({"version": 1, "data": ROWS})),
    "rows.parquet": lambda path: pd.DataFrame(ROWS).to_parquet(path),
    "rows.csv": lambda path: pd.DataFrame(ROWS).to_csv(path, index=False),
    "semicolons.csv": lambda path: pd.DataFrame(ROWS).to_csv(
        path, index=False, sep=";", encoding="utf-8-sig"
    ),
    "rows.tsv": lambda path: pd.DataFrame(ROWS).to_csv(path, index=False, sep="\t"),
}


@pytest.mark.parametrize("name", WRITE)
def test_files_come_in(name, tmp_path):
    WRITE[name](tmp_path / name)
    for source in (tmp_path / name, str(tmp_path / name), tmp_path):
        df = rb.frame(source)
        assert [c.response for c in df.reason.layout().read(df)] == ["0", "7", "14"]
        assert df["n"].tolist() == [0, 1, 2]


def test_the_files_of_a_folder_keep_their_order(tmp_path):
    for i, row in enumerate(ROWS):
        (tmp_path / f"part-{i}.jsonl").write_text(json.dumps(row))
    assert rb.frame(tmp_path)["n"].tolist() == [0, 1, 2]
    (tmp_path / "more.csv").write_text("q,a\n")
    with pytest.raises(ReasonbookError, match=r"several kinds: \.csv, \.jsonl"):
        rb.frame(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("rows.jsonl", b'{"q": "a"}\n\n{"q": \n', "Line 3 of rows.jsonl is not JSON"),
        ("rows.jsonl", b'{"q": "a"}\n[1]\n', "Line 2 of rows.jsonl is not an object but list"),
        ("rows.jsonl", b'{"q": "\xe9"}\n', "rows.jsonl is not UTF-8 text"),
        ("rows.json", b"{", "rows.json is not JSON"),
        ("rows.json", b"[1]", "rows.json is not a list of objects"),
        ("rows.csv", b"", "rows.csv cannot be read as csv: No columns"),
        ("rows.csv", b"q,a\n\xe9,1\n", "rows.csv is not UTF-8 text"),
        ("rows.csv", b"q,a\n1,2\n1,2,3\n", "rows.csv cannot be read as csv: .*line 3"),
        ("rows.parquet", b"no parquet", "rows.parquet cannot be read as parquet"),
        ("rows.xlsx", b"", "has an ending that is not known"),
    ],
)
def test_what_cannot_be_read_says_where(name, content, why, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReasonbookError, match=why) as caught:
        rb.frame(tmp_path / name)
    assert caught.value.fix


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ReasonbookError, match="is not there, or holds no file of rows"):
        rb.frame(tmp_path / "gone.jsonl")


# -- Kiln -------------------------------------------------------------------------------------------------------
def run(i: int, rating: dict | None = None, repaired: dict | None = None) -> dict:
    return {
        "v": 1, "model_type": "task_run", "id": str(i), "input": f"{i} x 7?",
        "output": {"output": str(7 * i), "rating": rating, "source": {"type": "synthetic"}},
        "intermediate_outputs": {"reasoning": f"{i} sevens."}, "repaired_output": repaired,
        "tags": ["golden", f"set_{i}"],
    }  # fmt: skip


STARS = {"type": "five_star", "value": 4.0}
RUNS = [
    run(0, STARS),
    run(1, {"type": "pass_fail", "value": 1.0}),
    run(2, {"type": "pass_fail", "value": 0.0}),
    run(3),
    run(4, {"type": "custom", "value": 0.7}),
    run(5, {"type": "five_star", "value": 1.0}, {"output": "36", "rating": STARS}),
    run(6, {"type": "five_star", "value": 1.0}, {"output": "43", "rating": None}),
    run(7, {"type": "pass_fail_critical", "value": -1.0}),
]
RATINGS = [4, 5, 1, None, None, 4, None, 1]


def project(folder):
    for i, each in enumerate(RUNS):
        path = folder / "tasks" / "1 - sums" / "runs" / f"{i} - x" / "task_run.kiln"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(each), encoding="utf-8")
    return folder


@pytest.mark.parametrize("form", ["project", "records", "json_normalize", "parquet"])
def test_kilns_ratings_and_tags_come_in(form, tmp_path):
    if form == "project":
        df = rb.frame(project(tmp_path))
    elif form == "records":
        df = rb.frame(RUNS)
    elif form == "json_normalize":
        df = rb.frame(pd.json_normalize(RUNS))
    else:
        pd.DataFrame(RUNS).to_parquet(tmp_path / "runs.parquet")
        df = rb.frame(tmp_path / "runs.parquet")
    assert [None if value is pd.NA else value for value in df["rating"]] == RATINGS
    assert [list(tags) for tags in df["tags"]] == [each["tags"] for each in RUNS]
    conversations = list(df.reason.layout().read(df))
    assert [c.response for c in conversations][4:7] == ["28", "36", "43"]
    assert conversations[0].reasoning == "0 sevens."


def test_a_review_knows_the_ratings_and_keeps_them():
    df = rb.frame(RUNS)
    review = df.reason.review()
    assert [review[i].decision.rating for i in range(8)] == RATINGS
    assert list(review.where(rating=4)) == [0, 1, 5]
    review.accept(0).rate(2, 3)
    again = rb.frame(RUNS)
    assert [again.reason.review()[i].decision.rating for i in range(3)] == [4, 5, 3]
    assert again["rating"].tolist()[:3] == [4, 5, 3]
    again.reason.review().rate(1, None)
    assert rb.frame(RUNS).reason.review()[1].decision.rating is None


def test_ratings_that_a_frame_still_holds_inside_are_a_question():
    df = pd.DataFrame(RUNS)
    [ask] = [ask for ask in df.reason.layout().account.asks if "ratings" in ask]
    ran = {"df": df, "rb": rb}
    exec(ask.partition("→ ")[2], ran)
    assert ran["df"]["rating"][0] == 4 and not ran["df"].reason.layout().account.asks


def test_a_rating_that_is_there_is_left_alone():
    df = pd.DataFrame(RUNS).assign(rating="great")
    assert rb.frame(df) is df
