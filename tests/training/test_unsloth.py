"""The unsloth backend in its CPU mode: the very code that a GPU runs, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .arrays import save_student

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(
        importlib.util.find_spec("unsloth") is None,
        reason="unsloth is not installed: pip install --no-deps unsloth unsloth_zoo",
    ),
]
ROOT = Path(__file__).parents[2]
PROBE = (sys.executable, "-m", "tests.training.unsloth_probe")


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "learned")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("tuning", ["qlora", "lora", "full"])
def test_it_learns_our_arrays_and_keeps_its_banners_out_of_the_cell(student, tmp_path, tuning, precision):
    done = subprocess.run(
        [*PROBE, str(student), str(tmp_path), tuning, precision],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "UNSLOTH_CPU_BF16": "1",  # it would quietly train in fp32 where the processor has no bf16
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1, done.stdout  # no banner
    told = json.loads(done.stdout)
    assert told["steps"] == 20
    assert told["last"] < told["first"] - 0.2
    assert told["evals"][-1] < told["evals"][0]
    assert told["foreign_rows"] == 0 and told["rows_seen"] >= 64  # ids and labels as we made them
    assert ("Params4bit" in told["kinds"]) == (tuning == "qlora")
    assert told["checkpoint"].endswith("checkpoint-20")
    assert told["reload_gap"] < 1e-4
    assert told["row_losses"] >= 2
    assert "Unsloth" in (tmp_path / "output.log").read_text()
