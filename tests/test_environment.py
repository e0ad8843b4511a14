"""The doctor: names what is there and what is missing, and never shows a key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from reasonbook import environment
from reasonbook.environment import doctor
from reasonbook.training.planning import device

pytest.importorskip("torch")


def test_it_looks_at_everything_and_tells_no_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    found = doctor()
    text = str(found) + found._repr_html_() + repr(found)
    assert "OPENAI_API_KEY" in text and "sk-very-secret" not in text
    assert found.backend in ("peft", "unsloth")
    for what in ("Python", "device", "backend", "QLoRA", "torch", "store", "keys"):
        assert found[what].found


def test_what_is_missing_comes_with_the_line_that_adds_it(monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(device, "version_of", lambda name: None)
    found = doctor()
    assert found["unsloth"].state == "missing" and 'reasonbook[unsloth]"' in found["unsloth"].fix
    assert "refund_rules" in found["keys"].fix
    assert "to add:" in str(found)


def test_without_torch_it_says_what_to_install(monkeypatch):
    from reasonbook.errors import MissingPackage

    def none():
        raise MissingPackage("torch", feature="Training", extra="train")

    monkeypatch.setattr(device, "look", none)
    found = doctor()
    assert not found.ok and found.backend == ""
    assert "reasonbook[train]" in found["backend"].fix


def test_a_full_disk_is_a_problem(monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    found = doctor()
    assert found["store"].state == "problem" and not found.ok


def test_a_driver_without_cuda_torch(monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(environment.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert doctor()["GPU"].state == "problem"


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "None")],
)
@pytest.mark.slow
def test_waiting_threads_give_the_core_back_unless_told_otherwise(given, spins):
    env = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")} | given
    code = "import os, sys, reasonbook; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [spins, "False"]
