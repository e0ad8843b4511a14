"""The GPU benchmark's dry run: the very script, on the CPU, with tiny students."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

if not all(map(importlib.util.find_spec, ("torch", "bitsandbytes"))):
    pytest.skip("torch and bitsandbytes are wanted", allow_module_level=True)
pytestmark = [pytest.mark.train, pytest.mark.slow]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "run.py"


def test_the_dry_run_measures_every_arm(tmp_path):
    arms = ["ours (peft)", "plain peft"]
    if importlib.util.find_spec("unsloth") is not None:
        arms += ["ours (unsloth)", "plain unsloth"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--dry", "--out", str(tmp_path), "--arms", *arms],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "results.json").read_text())
    assert "dry run" in results["device"]
    for name in arms:
        told = results["speed"]["dry"][name]
        assert "failed" not in told, told
        assert told["tokens_per_second"] > 0 and told["last_loss"] < 8
    ours, plain = (results["speed"]["dry"][n]["first_loss"] for n in ("ours (peft)", "plain peft"))
    assert abs(ours - plain) < 0.2  # the same student, the same kind of rows
    assert results["proof"]["rows"] == 24 and len(results["proof"]["shares"]) == 2
