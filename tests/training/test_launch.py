"""A run card as a job: again on one process, shared by two, and only with the data it was made from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reasonbook.errors import TrainingError
from reasonbook.training import Run
from reasonbook.training.launch import pinned, train_card
from reasonbook.training.rerun import rerun
from reasonbook.training.runs import run_card

pytest.importorskip("torch")
pytestmark = pytest.mark.train
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights():
    return {"answer": 3.0, "Amount": 0.5}  # they go the same ways as the ids and the labels


def test_again_from_the_card_gives_the_same_curve(pair):
    run = pair[1]
    run.evaluate("test")
    done = rerun(run.card_path, tell=False)
    assert done.same and done.drift < 1e-4 and done.new != run.id
    assert done.results["test"][0] == done.results["test"][1]
    assert "the same curve" in str(done) and done.versions == {}
    again = Run.load(done.new)
    assert str(again.status) == "COMPLETED" and again.card["from_card"] == run.id
    held, ours = again.data.train.weights, run.data.train.weights
    assert {3.0, 0.5} < set(np.concatenate(list(held)).tolist())
    assert all(np.array_equal(a, b) for a, b in zip(held, ours, strict=True))
    assert again.card["format"]["config"]["weights"] == {"answer": 3.0, "Amount": 0.5}


def test_two_processes_share_the_batch_and_take_the_same_steps(pair, tmp_path):
    """torchrun with two CPU processes on gloo: the loss curve is that of one process."""
    run = pair[1]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "reasonbook.cli", "train", str(run.card_path), "--run-id", "two",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "REASONBOOK_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Run.load('two')") == 1, done.stdout
    card = run_card.read(tmp_path / "home" / "runs" / "two")
    assert card["plan"]["processes"] == 2 and card["status"] == "COMPLETED"
    ours, theirs = run.history["step"]["loss"], np.array(card["curves"]["step"]["loss"])
    assert np.allclose(ours, theirs, atol=2e-3), (ours, theirs)
    assert (tmp_path / "home" / "runs" / "two" / "model" / "model.safetensors").is_file()


def test_the_same_id_again_goes_on_from_its_checkpoint(pair):
    run = pair[0]
    first = train_card(run.card_path, run="job", tell=False)
    assert first == "job"
    folder = Run.load("job").folder
    kept = sorted(folder.glob("checkpoint-*"))
    assert kept
    before = run_card.read(folder)["curves"]["step"]["step"]
    assert train_card(run.card_path, run="job", tell=False) == "job"
    after = run_card.read(folder)["curves"]["step"]["step"]
    assert before[-1] == run.plan.steps and after == before  # it was complete: nothing is trained twice


@pytest.mark.parametrize(
    ("what", "word"),
    [("labels", "labels"), ("ids", "token ids"), ("rows", "rows"), ("turn_weights", "weights")],
)
def test_data_that_is_not_the_cards_is_refused(pair, tmp_path, what, word):
    folder = tmp_path / "copy"
    shutil.copytree(pair[1].folder, folder, ignore=shutil.ignore_patterns("checkpoint-*", "model"))
    if what == "rows":
        text = (folder / "tasks.jsonl").read_text()
        (folder / "tasks.jsonl").write_text(text.replace("$", "€", 1))
    else:
        with np.load(folder / "data.npz") as arrays:
            changed = dict(arrays)
        changed[f"train_{what}"][-1] += 1
        np.savez(folder / "data.npz", **changed)
    with pytest.raises(TrainingError, match=f"The {word} beside the card") as caught:
        train_card(folder, run="x", tell=False)
    assert "same run folder" in caught.value.fix


def test_a_card_that_is_none(tmp_path):
    with pytest.raises(TrainingError, match="no run card"):
        train_card(tmp_path / "card.json")
    (tmp_path / "card.json").write_text(json.dumps({"hello": 1}))
    with pytest.raises(TrainingError, match="not a run card"):
        train_card(tmp_path / "card.json")
    (tmp_path / "card.json").write_text(json.dumps({"card": 999}))
    with pytest.raises(TrainingError, match="newer reasonbook"):
        train_card(tmp_path)


def test_what_a_card_pins_and_what_the_machine_decides(pair):
    settings = pinned(pair[1].plan.to_dict())
    assert settings.max_steps == pair[1].plan.steps and settings.learning_rate == pair[1].plan.learning_rate
    assert settings.backend == "auto" and settings.precision == "auto" and settings.micro_batch_size is None
