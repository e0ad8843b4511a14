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
TUNINGS = ("qlora", "lora", "full")
PROBE = (sys.executable, "-m", "tests.training.unsloth_probe")


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "learned")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns_our_arrays_and_keeps_its_banners_out_of_the_cell(student, tmp_path, precision):
    """Every way to tune in one process: to import unsloth takes longer than to train."""
    done = subprocess.run(
        [*PROBE, str(student), str(tmp_path), precision, *TUNINGS],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "UNSLOTH_CPU_BF16": "1",  # it would quietly train in fp32 where the processor has no bf16
        },
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == len(TUNINGS), done.stdout  # no banner
    for tuning, line in zip(TUNINGS, done.stdout.splitlines(), strict=True):
        told = json.loads(line)
        assert told["steps"] == 20, tuning
        assert told["last"] < told["first"] - 0.2, tuning
        assert told["evals"][-1] < told["evals"][0], tuning
        assert told["foreign_rows"] == 0 and told["rows_seen"] >= 64, tuning  # ids and labels as we made them
        assert ("Params4bit" in told["kinds"]) == (tuning == "qlora"), tuning
        assert told["checkpoint"].endswith("checkpoint-20"), tuning
        assert told["reload_gap"] < 1e-4, tuning
        assert told["row_losses"] >= 2, tuning
        if (
            precision == "fp32"
        ):  # a weight of 0 is a mask, though the two are not computed by the same kernels
            assert told["weighed"] == pytest.approx(told["masked"], rel=2e-4), tuning
            assert told["weighed_rows"] == told["masked_rows"] == 24, tuning
        assert "Unsloth" in (tmp_path / tuning / "output.log").read_text(), tuning
