"""One card, trained in the kernel, by `reasonbook train` and by torchrun: one training, whoever asks for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reasonbook.errors import TrainingError
from reasonbook.job import Status
from reasonbook.store import Store
from reasonbook.training import Run, train
from reasonbook.training.launch import train_card
from reasonbook.training.loop import checkpoints
from reasonbook.training.runs import kernel_runs, run_card
from reasonbook.training.runs.data import RunData, hashes
from reasonbook.training.runs.folder import RunLock
from tests.training.refund_chat import refund_chat

pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
ROWS = 41  # of the train split: five batches of eight and one row, which two processes must not both train on
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "reasonbook.cli")


def launched(home: Path, card: Path, id: str, *, two: bool = False) -> subprocess.Popen[str]:
    """`reasonbook train card --run-id id` in a process of its own, or in two under torchrun."""
    command = [
        sys.executable,
        *(TORCHRUN if two else ("-m", "reasonbook.cli")),
        "train",
        str(card),
        "--run-id",
        id,
    ]
    environment = {**os.environ, "REASONBOOK_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err[-3000:]
    return out


def until(said, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def three(tiny_student, tmp_path_factory):
    """The same training in the kernel, in a script and in two processes, in one home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONBOOK_HOME", str(home))
        patch.setenv("OMP_NUM_THREADS", "1")
        chat = refund_chat(tiny_student, ROWS + 12)
        kernel = train(
            chat, max_steps=12, batch_size=8, eval_every=6, samples=2, sample_tokens=24, score="numeric"
        )
        kernel.wait()
        ended(launched(home, kernel.card_path, "script"))
        ended(launched(home, kernel.card_path, "two", two=True))
        kernel_runs.forget()
        yield kernel, Run.load("script"), Run.load("two")


def test_folders_cards_and_events_are_alike(three):
    kernel = three[0]
    store = Store(kernel.folder.parents[1])
    names = [{path.name for path in run.folder.iterdir()} for run in three]
    assert names[0] == names[1] and names[2] - names[0] <= {"1.output.log"} and names[0] <= names[2]
    assert {"card.json", "data.npz", "tasks.jsonl", "tokenizer", "model", "row_losses.json", "lock"} <= names[
        0
    ]
    cards = [json.loads(run.card_path.read_text()) for run in three]
    assert [card.pop("from_card", None) for card in cards] == [None, kernel.id, kernel.id]
    assert cards[0].keys() == cards[1].keys() == cards[2].keys()
    for name in ("name", "student", "strategy", "schema", "teacher", "method", "prompt", "format", "data", "seed",
                 "packages", "score", "status", "reason"):  # fmt: skip
        assert cards[0][name] == cards[1][name] == cards[2][name], name
    assert cards[0]["score"] == "numeric match" and cards[0]["status"] == "COMPLETED"
    kinds = [{event.kind for event in store.events(f"run:{run.id}")} for run in three]
    assert kinds[0] == kinds[1] == kinds[2] >= {"step", "eval", "samples", "row_loss", "checkpoint", "status"}


def test_curves_and_row_losses_are_the_same_and_no_row_counts_twice(three):
    kernel, script, two = three
    store = Store(kernel.folder.parents[1])
    for run in (script, two):
        assert run.history.keys() == kernel.history.keys()
        for kind, name in (("step", "loss"), ("step", "tokens"), ("step", "targets"), ("eval", "eval_loss")):
            np.testing.assert_allclose(
                run.history[kind][name], kernel.history[kind][name], atol=3e-3, err_msg=name
            )
        assert run.row_losses.keys() == kernel.row_losses.keys() and len(run.row_losses) == ROWS
        for key, loss in kernel.row_losses.items():
            assert run.row_losses[key] == pytest.approx(loss, abs=5e-3)
        counts = [e.data["count"] for e in store.events(f"run:{run.id}") if e.kind == "row_loss"]
        assert counts == [ROWS, ROWS]
    assert script.generate(["Hi, 3 mugs"])[0].text == kernel.generate(["Hi, 3 mugs"])[0].text


def test_one_process_at_a_time_trains_a_student(three, monkeypatch):
    kernel, script, _ = three
    monkeypatch.setenv("REASONBOOK_HOME", str(kernel.folder.parents[1]))
    lock = RunLock(script.folder)
    assert lock.take()
    try:
        with pytest.raises(TrainingError, match="is being trained by another kernel"):
            train_card(kernel.card_path, run="script", tell=False)
    finally:
        lock.release()


def test_ids_that_the_student_does_not_know_are_refused(three, tmp_path):
    kernel = three[0]
    folder = tmp_path / "copy"
    folder.mkdir()
    kernel.data.save(folder)
    with np.load(folder / "data.npz") as arrays:
        changed = dict(arrays)
    changed["train_ids"][3] = 10**6
    np.savez(folder / "data.npz", **changed)
    card = json.loads(kernel.card_path.read_text())
    run_card.write(folder, {**card, "data": {**card["data"], **hashes(RunData.load(folder))}})
    with pytest.raises(TrainingError, match="made with another tokenizer"):
        train_card(folder, run="odd", store=Store(tmp_path / "home"), tell=False)
    assert Run.load("odd", store=Store(tmp_path / "home")).status is Status.FAILED


def test_a_full_disk_is_said_and_the_last_checkpoint_is_kept(three, tmp_path, monkeypatch, capsys):
    from transformers import PreTrainedModel

    real = PreTrainedModel.save_pretrained

    def full(self, save_directory, *args, **kwargs):
        if Path(save_directory).name == "model":
            raise OSError(28, "No space left on device")
        return real(self, save_directory, *args, **kwargs)

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    store = Store(tmp_path / "home")
    train_card(three[0].card_path, run="full", store=store)
    assert "alarm: The disk is full" in capsys.readouterr().out
    kernel_runs.forget()
    assert Run.load("full", store=store).generate(["Hi"])[0].text == three[0].generate(["Hi"])[0].text


def test_a_killed_script_and_a_stopped_pair_go_on_with_whole_curves(tiny_student, home, monkeypatch):
    """kill -9, then the same id again; two processes, stopped, then on in this kernel: no step is missing."""
    chat = refund_chat(tiny_student, ROWS + 12)
    long = train(chat, max_steps=400, batch_size=8, samples=0, eval_every=1000, checkpoint_seconds=0.3)
    until(lambda: long.step >= 1)
    long.stop()._done.wait(60)
    here = long.folder.parents[1]

    def steps(id: str) -> int:
        return max((checkpoints.step_of(p) for p in (here / "runs" / id).glob("checkpoint-*")), default=0)

    def curve(id: str) -> list[int]:
        kernel_runs.forget()
        found = [int(step) for step in Run.load(id).history["step"]["step"]]
        card = json.loads((here / "runs" / id / "card.json").read_text())["curves"]["step"]["step"]
        assert [int(step) for step in card] == found, "the card's curve is that of the events"
        return found

    first = launched(here, long.card_path, "killed")
    until(lambda: steps("killed") >= 5)
    first.kill()
    first.communicate()
    reached = steps("killed")
    again = launched(here, long.card_path, "killed")
    until(lambda: steps("killed") > reached + 3)
    again.send_signal(signal.SIGTERM)
    ended(again)
    seen = curve("killed")
    assert seen == list(range(1, len(seen) + 1)) and len(seen) > reached

    pair = launched(here, long.card_path, "pair", two=True)
    until(lambda: steps("pair") >= 5)
    pair.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        pair.communicate(timeout=60)
    pair.kill()
    kernel_runs.forget()
    run = Run.load("pair")
    stopped_at = run.step
    assert run.status is Status.CANCELLED and run.plan.processes == 1
    run.resume()
    until(lambda: run.step > stopped_at + 3)
    run.stop()._done.wait(60)
    assert run.status is Status.CANCELLED
    seen = curve("pair")
    assert seen == list(range(1, len(seen) + 1)) and len(seen) > stopped_at
