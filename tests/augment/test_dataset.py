"""Files in, files out: chunk by chunk, resumed, row for row the same as in memory; and over Dask."""

import json
import threading

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.augment import AugmentConfig, augment_partitions
from reasonbook.augment.datasets.dask_frame import share
from reasonbook.errors import LayoutError, ReasonbookError
from reasonbook.job import Status
from tests.augment.conftest import check, frame
from tests.walks import walk

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SCHEMA = rb.Schema(
    [
        rb.Field("Length", "How long?", type="number"),
        rb.Field("Even", "Whether it is even.", type="boolean"),
        rb.Field("Words", "The words.", type="list"),
        rb.Field("Kind", "Which kind.", type="choice", options=("a", "b")),
        rb.Field("Notiz Ü", "A note.", optional=True),
    ]
)
calls: list[str] = []
lock = threading.Lock()


def rules(request):
    """Works for every row but those that ask for trouble."""
    with lock:
        calls.append(request)
    if "trouble" in request:
        raise ValueError("trouble")
    n = len(request)
    return {"Length": n, "Even": n % 2 == 0, "Words": request.split(), "Kind": "ab"[n % 2],
            "Notiz Ü": None if n % 3 else f"n{n}"}  # fmt: skip


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


def make(n, trouble=()):
    return pd.DataFrame(
        {
            "question": [f"{'trouble ' if i in trouble else ''}row {i} {'x' * (i % 7)}" for i in range(n)],
            "answer": [f"answer {i}" for i in range(n)],
            "weight": pd.array([None if i % 5 == 0 else i for i in range(n)], dtype="Int64"),
            "tags": [[f"t{i}"] for i in range(n)],
        }
    )


def write(path, df, row_group_size=None):
    pq.write_table(pa.Table.from_pandas(df), path, row_group_size=row_group_size)
    return path


def read(folder):
    return pd.read_parquet(folder)


def same(values, expected):
    return [
        None if v is None else {k: (list(x) if k == "Words" else x) for k, x in v.items()} for v in values
    ] == expected


@pytest.mark.parametrize(
    "rows,group", walk([(7, None), (7, 3), (1, 10), (100, 4), (1000, None)], fast=[(7, 3)])
)
def test_row_for_row_the_same_as_in_memory(tmp_path, rows, group):
    df = make(50)
    source = write(tmp_path / "in.parquet", df, group)
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=rows).wait()
    assert job.status is Status.COMPLETED and job.progress.done == job.progress.total == 50
    out = read(tmp_path / "out")
    df.reason.augment(SCHEMA, teacher=rules).wait()
    assert same(out["reasoning"], df["reasoning"].tolist())
    assert out["question"].tolist() == df["question"].tolist()
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == -(-50 // rows)
    assert len(calls) == 50  # the frame found all of it in the store
    original, written = pq.read_table(source), pq.read_table(tmp_path / "out")
    for name in ("question", "answer", "weight", "tags"):
        assert written[name].to_pylist() == original[name].to_pylist()
        assert written.schema.field(name).type == original.schema.field(name).type


def test_several_files_keep_their_order_and_every_part_has_one_type(tmp_path):
    (tmp_path / "in").mkdir()
    df = make(30)
    for i in range(3):
        write(tmp_path / "in" / f"f{i}.parquet", df.iloc[i * 10 : i * 10 + 10])
    rb.augment_dataset(tmp_path / "in", tmp_path / "out", SCHEMA, teacher=rules, rows=4).wait()
    parts = sorted((tmp_path / "out").glob("part-*.parquet"))
    assert len(parts) == 9 and len({str(pq.read_schema(part)) for part in parts}) == 1
    assert read(tmp_path / "out")["question"].tolist() == df["question"].tolist()


def test_an_index_in_the_input_misleads_nobody(tmp_path):
    df = make(20)
    df.index = [7] * 10 + list(range(10))
    source = write(tmp_path / "in.parquet", df)
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=6).wait()
    out = pq.read_table(tmp_path / "out").to_pylist()
    assert [row["reasoning"]["Length"] for row in out] == [len(q) for q in df["question"]]


def test_running_again_asks_for_nothing_and_reads_only_what_is_left(tmp_path):
    source = write(tmp_path / "in.parquet", make(40))
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    parts = sorted((tmp_path / "out").glob("part-*.parquet"))
    before = {part.name: part.stat().st_mtime_ns for part in parts}
    parts[2].unlink()
    calls.clear()
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert job.status is Status.COMPLETED and job.progress.done == 40 and job.progress.cached == 40
    assert calls == []
    after = {part.name: part.stat().st_mtime_ns for part in sorted((tmp_path / "out").glob("part-*.parquet"))}
    assert {name for name in before if before[name] != after[name]} == {parts[2].name}


def test_another_schema_writes_all_parts_anew(tmp_path):
    source = write(tmp_path / "in.parquet", make(12))
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=5).wait()
    calls.clear()
    short = rb.Schema([SCHEMA["Length"]])
    rb.augment_dataset(
        source, tmp_path / "out", short, teacher=lambda r: {"Length": rules(r)["Length"]}, rows=5
    ).wait()
    assert len(calls) == 12
    assert all(set(v) == {"Length"} for v in read(tmp_path / "out")["reasoning"])


def test_rows_that_fail_are_told_and_only_they_are_asked_again(tmp_path):
    source = write(tmp_path / "in.parquet", make(30, trouble=(3, 4, 21)))
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert job.status is Status.PARTIAL and job.errors == {"ValueError: trouble": 3}
    out = read(tmp_path / "out")
    assert out["reasoning_status"].tolist().count("error") == 3 and out["reasoning"][3] is None
    calls.clear()
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert len(calls) == 3


def test_a_chunk_in_which_every_row_fails_does_not_end_the_job(tmp_path):
    source = write(tmp_path / "in.parquet", make(30, trouble=range(10, 20)))
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert job.status is Status.PARTIAL and job.progress.done == 20 and job.progress.failed == 10


def test_limit_counts_for_the_whole_dataset(tmp_path):
    source = write(tmp_path / "in.parquet", make(40))
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10, limit=15).wait()
    assert len(calls) == 15 and job.progress.done == 15
    assert job.status is Status.COMPLETED
    again = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert again.progress.done == 40 and len(calls) == 40


def test_stop_keeps_what_is_done(tmp_path):
    gate = threading.Event()

    def slow(request):
        if len(calls) >= 15:
            gate.wait(5)
        return rules(request)

    source = write(tmp_path / "in.parquet", make(60))
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=slow, rows=10, concurrency=2)
    while len(calls) < 15:
        threading.Event().wait(0.01)
    job.stop().wait()
    gate.set()
    assert job.status is Status.CANCELLED
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 1
    assert not list((tmp_path / "out").glob("*.unfinished"))


def test_a_refused_key_ends_the_whole_job(tmp_path):
    from reasonbook.errors import TeacherError
    from reasonbook.teachers import CallError

    async def refused(request):
        raise CallError("auth", "no such key", status=401)

    source = write(tmp_path / "in.parquet", make(30))
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=refused, rows=10)
    with pytest.raises(TeacherError, match="refused the API key"):
        job.wait()
    assert not list((tmp_path / "out").glob("part-*.parquet"))


def test_bad_input_is_said(tmp_path):
    with pytest.raises(ReasonbookError, match="holds no file of rows"):
        rb.augment_dataset(tmp_path / "nowhere", tmp_path / "out", SCHEMA, teacher=rules)
    source = write(tmp_path / "in.parquet", make(3))
    with pytest.raises(ReasonbookError, match="folder of its own"):
        rb.augment_dataset(source, source, SCHEMA, teacher=rules)
    with pytest.raises(ReasonbookError, match="folder of its own"):
        rb.augment_dataset(source, tmp_path, SCHEMA, teacher=rules)
    with pytest.raises(LayoutError, match="not in every part"):
        rb.augment_dataset(
            source, tmp_path / "out", SCHEMA, teacher=rules, layout={"prompt": "no", "response": "answer"}
        ).wait()


def test_memory_stays_with_the_chunk(tmp_path):
    """A dataset of many row groups is never held whole: the largest table read is one chunk."""
    from reasonbook.augment.datasets.line_chunks import LineFiles
    from reasonbook.augment.datasets.parquet_chunks import ParquetFiles

    source, lines = write(tmp_path / "in.parquet", make(500), 20), tmp_path / "in.jsonl"
    make(500).to_json(lines, orient="records", lines=True)
    for files in (ParquetFiles([source]), LineFiles([lines])):
        assert sum(chunk.rows for chunk in files.chunks(35)) == 500
        sizes = [len(piece.frame(piece.columns)) for _, piece in files.pieces(35, lambda chunk: False)]
        assert max(sizes) == 35 and sum(sizes) == 500


# -- JSON Lines and CSV -----------------------------------------------------------------------------------------
def lines(path, df):
    if path.suffix == ".jsonl":
        path.write_text("\n".join(df.to_json(orient="records", lines=True).splitlines()), encoding="utf-8")
    else:
        df.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", walk(["in.jsonl", "in.csv", "in.tsv"], fast=["in.jsonl"]))
@pytest.mark.parametrize("rows", walk([7, 1000], fast=[]))
def test_lines_row_for_row_the_same_as_in_memory(tmp_path, tiny_student, name, rows):
    df = make(50)[["question", "answer", "weight"]]
    source = tmp_path / name
    if name == "in.tsv":
        df.to_csv(source, index=False, sep="\t")
    else:
        lines(source, df)
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=rows).wait()
    assert job.status is Status.COMPLETED and job.progress.done == job.progress.total == 50
    assert len(list((tmp_path / "out").glob("part-*.jsonl"))) == -(-50 // rows)
    out = rb.frame(tmp_path / "out")
    df.reason.augment(SCHEMA, teacher=rules).wait()
    assert out["reasoning"].tolist() == df["reasoning"].tolist() and len(calls) == 50
    assert out["question"].tolist() == df["question"].tolist()
    assert f'rb.frame("{tmp_path / "out"}")' in job._repr_html_().replace("&quot;", '"')
    assert out.reason.to_chat(tiny_student).report.rows == 50


def test_json_lines_keep_values_that_no_table_could_hold(tmp_path):
    rows = [
        {"q": "a?", "a": 7, "messy": [1, "x", {"b": None}]},
        {"q": "b?", "a": "seven", "messy": {"c": 1.5}, "system": "Be brief."},
        {"q": "c?", "a": None, "id": "007"},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rb.augment_dataset(source, tmp_path / "out", ["Why"], teacher=lambda r: {"Why": r}, rows=1).wait()
    out = [json.loads(part.read_text()) for part in sorted((tmp_path / "out").glob("part-*"))]
    assert [{k: v for k, v in row.items() if not k.startswith("reasoning")} for row in out] == rows
    assert [row["reasoning"]["Why"] for row in out] == ["a?", "b?", "c?"]


def test_the_cells_of_a_csv_stay_the_texts_that_they_are(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text('\ufeffq;a;id\n"what;\nis it?";7.50;007\nand that?;;NA\n', encoding="utf-8")
    rb.augment_dataset(source, tmp_path / "out", ["Why"], teacher=lambda r: {"Why": r}).wait()
    [part] = (tmp_path / "out").glob("part-*")
    rows = [json.loads(line) for line in part.read_text().splitlines()]
    assert [(row["q"], row["a"], row["id"]) for row in rows] == [
        ("what;\nis it?", "7.50", "007"), ("and that?", None, "NA")
    ]  # fmt: skip


@pytest.mark.parametrize("name", walk(["in.jsonl", "in.csv"], fast=["in.jsonl"]))
def test_lines_go_on_where_they_ended_and_start_anew_when_the_file_changed(tmp_path, name):
    source = lines(tmp_path / name, make(40)[["question", "answer"]])
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    parts = sorted((tmp_path / "out").glob("part-*"))
    before = {part.name: part.stat().st_mtime_ns for part in parts}
    parts[2].unlink()
    calls.clear()
    job = rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert job.progress.done == 40 and calls == []
    after = {part.name: part.stat().st_mtime_ns for part in sorted((tmp_path / "out").glob("part-*"))}
    assert {part for part in before if before[part] != after[part]} == {parts[2].name}
    source.write_text(source.read_text().replace("row 3 ", "row x "))
    rb.augment_dataset(source, tmp_path / "out", SCHEMA, teacher=rules, rows=10).wait()
    assert len(calls) == 1 and "row x" in calls[0]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("in.jsonl", b'{"question": "a", "answer": "b"}\n{"question', "Line 2 of in.jsonl is not JSON"),
        ("in.csv", b"question,answer\na,b\na,b,c\n", "Line 3 of in.csv has more cells than the header"),
        ("in.csv", b"question,answer\n\xe9,b\n", "in.csv is not UTF-8 text"),
        ("in.parquet", b'{"question": "a"}', "in.parquet is no Parquet file"),
    ],
)
def test_what_cannot_be_read_is_told_before_anything_is_paid_for(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReasonbookError, match=why) as caught:
        rb.augment_dataset(tmp_path / name, tmp_path / "out", SCHEMA, teacher=rules).wait()
    assert caught.value.fix and calls == []


def test_a_preset_is_named_by_its_name(tmp_path):
    source = lines(tmp_path / "in.jsonl", make(2)[["question", "answer"]])
    names = rb.Schema.preset("customer_support").names
    job = rb.augment_dataset(
        source, tmp_path / "out", "customer_support", teacher=lambda r: dict.fromkeys(names, "x")
    )
    assert job.schema.names == names
    job.stop()


def test_an_unknown_ending_and_a_mixed_folder_name_what_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    lines(tmp_path / "in" / "a.jsonl", make(2))
    (tmp_path / "in" / "b.csv").write_text("question,answer\na,b\n")
    with pytest.raises(ReasonbookError, match=r"several kinds: \.csv, \.jsonl"):
        rb.augment_dataset(tmp_path / "in", tmp_path / "out", SCHEMA, teacher=rules)
    (tmp_path / "in.xlsx").write_bytes(b"")
    with pytest.raises(ReasonbookError, match="ending that is not known") as caught:
        rb.augment_dataset(tmp_path / "in.xlsx", tmp_path / "out", SCHEMA, teacher=rules)
    assert ".jsonl" in caught.value.fix


# -- Dask --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("index", walk(["range", "same", "text"], fast=["same"]))
def test_dask_gives_the_same_row_for_row(index):
    dd = pytest.importorskip("dask.dataframe")
    df = make(24).drop(columns=["tags"])
    if index == "same":
        df.index = [3] * 24
    elif index == "text":
        df.index = [f"r{i:02d}" for i in range(24)]
    ddf = dd.from_pandas(df, npartitions=4, sort=False)
    out = augment_partitions(ddf, SCHEMA, teacher=rules, workers=2).compute(
        scheduler="threads", num_workers=2
    )
    assert len(calls) == 24
    df.reason.augment(SCHEMA, teacher=rules).wait()
    assert len(calls) == 24
    assert out["reasoning"].tolist() == df["reasoning"].tolist()
    assert out["reasoning_status"].tolist() == ["ok"] * 24
    assert out.index.tolist() == df.index.tolist() and out["question"].tolist() == df["question"].tolist()


@pytest.mark.slow
def test_dask_assigning_columns_aligns(tmp_path):
    """The trap: a column taken from the result meets its own row again, in every partition."""
    dd = pytest.importorskip("dask.dataframe")
    ddf = dd.from_pandas(make(20).drop(columns=["tags"]), npartitions=5)
    out = augment_partitions(ddf, SCHEMA, teacher=rules)
    out = out.assign(double=out["question"].str.len())
    got = out.compute(scheduler="threads")
    assert [v["Length"] for v in got["reasoning"]] == got["double"].tolist()


def test_the_cluster_shares_what_the_account_allows():
    whole = AugmentConfig(rpm=600, tpm=9000, concurrency=64, budget=8.0)
    one, two = share(whole, 4), share(whole, 4, machines=2)
    assert (one.rpm, one.tpm, one.concurrency, one.budget) == (600, 9000, 16, 8.0), "by their store"
    assert (two.rpm, two.tpm, two.concurrency, two.budget) == (300, 4500, 16, 4.0)
    assert share(AugmentConfig(concurrency=2), 8).concurrency == 1


@pytest.mark.slow
def test_an_empty_partition_passes():
    dd = pytest.importorskip("dask.dataframe")
    ddf = dd.from_pandas(make(12).drop(columns=["tags"]), npartitions=3)
    ddf = ddf[ddf["weight"].fillna(0) > 8]
    out = augment_partitions(ddf, SCHEMA, teacher=rules).compute(scheduler="threads")
    assert out["reasoning_status"].tolist() == ["ok"] * len(out) and len(out) == 2


@pytest.mark.slow
def test_a_cluster_of_processes_gives_the_same_and_shares_one_store(provider, schema):
    """Two worker processes on one store, at one provider: every row asked once, the second time none."""
    dd = pytest.importorskip("dask.dataframe")
    distributed = pytest.importorskip("distributed")
    df = frame(60)
    df.loc[59, "prompt"] = df.loc[0, "prompt"]
    teacher = f"openai:mock@{provider.url}"
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        ddf = dd.from_pandas(df, npartitions=6, sort=False)
        out = augment_partitions(ddf, schema, teacher=teacher, workers=2).compute()
        assert provider.requests == 59, "equal rows in two partitions are asked by one of them"
        assert augment_partitions(ddf, schema, teacher=teacher, workers=2).compute().equals(out)
    check(out)
    assert out.index.tolist() == df.index.tolist()
    df.reason.augment(schema, teacher=teacher).wait()
    assert provider.requests == 59 and df["reasoning"].tolist() == out["reasoning"].tolist()
