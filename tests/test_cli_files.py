"""`reasonbook inspect | augment | export FILE` as real processes, the teacher behind a real HTTP server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from reasonbook.cli.file_commands import in_a_shell
from tests.servers.provider import KEY, Provider

pytestmark = pytest.mark.slow  # each is a process or more of its own

ROOT = Path(__file__).parents[1]
ROWS = [
    {"question": f"ROW-{i:06d}: how much?", "answer": 7 * i, "note": None, "id": f"00{i}"} for i in range(12)
]
SCHEMA = {"fields": [{"name": "Intent", "instruction": "Say what is wanted."}]}


@pytest.fixture
def run(tmp_path):
    """Runs the command line in an empty folder."""

    def call(*words, code=0, **env):
        done = subprocess.run(
            [sys.executable, "-m", "reasonbook.cli", *map(str, words)],
            cwd=tmp_path, env=environment(**env), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return call


def environment(**more) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "REASONBOOK"))}
    return env | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **more}


@pytest.fixture
def provider():
    with Provider(key=KEY) as server:
        server.teacher = f"openai:mock@{server.url}"
        yield server


def write(folder: Path, name: str = "rows.jsonl", rows=ROWS) -> Path:
    path = folder / name
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    return path


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def schema(folder: Path) -> Path:
    path = folder / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_from_a_file_to_a_training_file(name, tmp_path, run, provider):
    write(tmp_path, name)
    words = ["augment", name, "--schema", schema(tmp_path).name, "--teacher", provider.teacher]
    done = run(*words, "--out", "filled.jsonl", OPENAI_API_KEY=KEY)
    assert "12 of 12 rows have reasoning: filled.jsonl" in done.stderr and done.stdout == ""
    assert "answer: 12 numbers as text" in done.stderr
    filled = lines(tmp_path / "filled.jsonl")
    assert [row["reasoning"] for row in filled] == [{"Intent": f"intent of ROW-{i:06d}"} for i in range(12)]
    assert [row["answer"] for row in filled] == [7 * i for i in range(12)]
    assert list(filled[0])[:4] == ["question", "answer", "note", "id"] and filled[0]["note"] is None
    assert provider.requests == 12
    run(*words, "--out", "again.jsonl", OPENAI_API_KEY=KEY)
    assert provider.requests == 12, "what was paid for is in the store"

    inspected = run("inspect", "filled.jsonl")
    assert "Layout(prompt='question', response='answer'), as found" in inspected.stdout
    exported = run("export", "filled.jsonl", "--layout", "openai", "--out", "train.jsonl")
    assert "12 of 12 rows, as openai: train.jsonl" in exported.stderr
    [_, last] = lines(tmp_path / "train.jsonl")[1]["messages"]
    assert last["content"].startswith("<think>\n") and last["content"].endswith("</think>\n\n7")
    assert KEY not in done.stderr + "".join(p.read_text() for p in tmp_path.glob("*.jsonl"))


def test_names_make_a_schema_and_a_limit_is_a_preview(tmp_path, run, provider):
    write(tmp_path)
    done = run(
        "augment", "rows.jsonl", "--schema", "Policy, Amount", "--teacher", provider.teacher, "--limit", 3,
        "--out", "out.jsonl", code=3, OPENAI_API_KEY=KEY,
    )  # fmt: skip
    filled = lines(tmp_path / "out.jsonl")
    assert [list(row["reasoning"] or ()) for row in filled] == [["Policy", "Amount"]] * 3 + [[]] * 9
    assert "3 of 12 rows have reasoning" in done.stderr


def test_rows_that_fail_are_told_and_asked_again_alone(tmp_path, run, provider):
    write(tmp_path)
    provider.script = lambda row, attempt: "refuse" if row == "ROW-000004" else None
    words = [
        "augment", "rows.jsonl", "--schema", schema(tmp_path), "--teacher", provider.teacher,
        "--out", "out.jsonl",
    ]  # fmt: skip
    done = run(*words, code=3, OPENAI_API_KEY=KEY)
    assert "11 of 12 rows have reasoning" in done.stderr and "1 times: " in done.stderr
    assert lines(tmp_path / "out.jsonl")[4]["reasoning"] is None
    provider.script, before = None, provider.requests
    run(*words, OPENAI_API_KEY=KEY)
    assert provider.requests == before + 1


def heeding() -> None:
    """A shell's background job would have its interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_writes_what_is_there_and_the_same_line_goes_on(tmp_path, provider):
    write(tmp_path)
    provider.latency = 0.6
    words = [
        sys.executable, "-m", "reasonbook.cli", "augment", "rows.jsonl", "--schema", str(schema(tmp_path)),
        "--teacher", provider.teacher, "--out", "out.jsonl",
    ]  # fmt: skip
    provider.script = lambda row, attempt: None if row < "ROW-000003" else "hang"
    job = subprocess.Popen(
        words, cwd=tmp_path, env=environment(OPENAI_API_KEY=KEY), stderr=subprocess.PIPE, preexec_fn=heeding
    )
    deadline = time.monotonic() + 60
    while len(provider.paid) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.5)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=30)
    assert job.returncode == 130 and b"Traceback" not in said, said
    assert sum(row["reasoning_status"] == "ok" for row in lines(tmp_path / "out.jsonl")) == 3
    provider.script, provider.latency, paid = None, 0.0, sum(provider.paid.values())
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(OPENAI_API_KEY=KEY), check=False, timeout=60, capture_output=True
    )
    assert done.returncode == 0 and sum(provider.paid.values()) == paid + 9


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["inspect", "gone.csv"], "is not there"),
        (["inspect", "rows.jsonl", "--columns", "prompt=gone"], "The column 'gone' for prompt is not there"),
        (["inspect", "rows.jsonl", "--columns", "pormpt=id"], 'Did you mean "prompt"?'),
        (["augment", "rows.jsonl", "--schema", "custom_support", "--teacher", "openai:m", "--out", "o.jsonl"],
         'Did you mean "customer_support"?'),
        (["augment", "rows.jsonl", "--schema", "A,B", "--teacher", "openai:m", "--out", "o.jsonl"], "NeedsKey"),
        (["augment", "rows.jsonl", "--schema", "A,B", "--teacher", "openai:m", "--out", "o.csv"],
         "does not end in .jsonl"),
        (["export", "rows.jsonl", "--out", "rows.jsonl"], "is the file that is read"),
        (["export", "rows.jsonl", "--layout", "sharegtp", "--out", "o.jsonl"], 'Did you mean "sharegpt"?'),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_two_lines(words, why, tmp_path, run):
    before = write(tmp_path).read_bytes()
    done = run(*words, code=1)
    assert why in done.stderr and "→" in done.stderr
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["rows.jsonl"]


def test_wrong_usage_ends_with_2(run):
    assert "ROLE=COLUMN" in run("inspect", "rows.jsonl", "--columns", "prompt", code=2).stderr
    assert "--teacher" in run("augment", "rows.jsonl", "--schema", "A,B", "--out", "x.jsonl", code=2).stderr


def test_inspect_says_what_is_taken_converted_and_left_over(tmp_path, run):
    rows = [
        {
            "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "more": "x" * 99,
        },
        {
            "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": 7}],
            "more": "y" * 99,
        },
    ]
    write(tmp_path, rows=rows)
    said = run("inspect", "rows.jsonl", code=3).stdout
    assert "rows 2 · with a response 1 · cannot be used 1" in said
    assert "row 1: messages[1].content is a number, not text" in said
    line = next(line for line in said.splitlines() if "'more' holds texts" in line).partition("→ ")[2]
    assert line == "--columns messages=messages reasoning=more"
    assert "as named" in run("inspect", "rows.jsonl", *shlex.split(line), code=3).stdout


def test_the_line_of_an_unclear_file_is_one_for_the_shell(tmp_path, run):
    write(tmp_path, rows=[{"the ask": f"what is {i}?", "said": f"it is {i}"} for i in range(3)])
    fix = run("inspect", "rows.jsonl", code=1).stderr.partition("→ ")[2].strip()
    assert fix == "--columns 'prompt=the ask' response=said"
    assert "with a response 3" in run("inspect", "rows.jsonl", *shlex.split(fix)).stdout


def test_a_sentence_without_a_line_stays_as_it_is():
    assert in_a_shell("see df.reason.layout(") == "see df.reason.layout("


def test_inspect_says_whether_rows_are_ready_to_train(tmp_path, run, tiny_student):
    write(tmp_path)
    said = run("inspect", "rows.jsonl", "--student", tiny_student, "--strategy", "final_only").stdout
    assert f"Preflight for {tiny_student}: ready to train" in said and "rows kept 12 of 12" in said
    said = run("inspect", "rows.jsonl", "--student", tiny_student, "--max-length", 8, code=3).stdout
    assert "not ready to train" in said and "stop: " in said
