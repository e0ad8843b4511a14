"""Which checkpoints a run goes on from; damaged and foreign ones are refused, and never executed."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reasonbook.errors import TrainingError  # noqa: E402
from reasonbook.training.loop import checkpoints  # noqa: E402


def checkpoint(folder, step, *, weights="model.safetensors"):
    from safetensors.numpy import save_file

    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    save_file({"w": np.zeros(4, np.float32)}, str(made / weights))
    for name in ("optimizer.pt", "scheduler.pt"):
        torch.save({"step": step}, made / name)
    (made / checkpoints.STATE).write_text(json.dumps({"global_step": step}))
    return made


def test_the_newest_whole_one_is_taken(tmp_path):
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 20, weights="adapter_model.safetensors")
    cut_off = checkpoint(tmp_path, 100)
    (cut_off / checkpoints.STATE).unlink()
    (tmp_path / "checkpoint-best").mkdir()
    assert checkpoints.latest(tmp_path) == newest
    assert checkpoints.latest(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda f: (f / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!"), "damaged"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "damaged"),
        (lambda f: (f / "model.safetensors").unlink(), "no model weights"),
        (lambda f: (f / checkpoints.STATE).write_text("{"), "cut off"),
        (lambda f: (f / "optimizer.pt").unlink(), "optimizer.pt is missing"),
        (lambda f: (f / "optimizer.pt").write_bytes(b"x"), "optimizer.pt is damaged"),
    ],
)
def test_a_damaged_one_is_named(tmp_path, harm, word):
    folder = checkpoint(tmp_path, 3)
    assert checkpoints.problem(folder) is None
    harm(folder)
    with pytest.raises(TrainingError, match=word) as caught:
        checkpoints.check(folder)
    assert "Run.load" in caught.value.fix
    assert checkpoints.latest(tmp_path) is None


def test_pickled_weights_are_never_opened(tmp_path):
    folder = checkpoint(tmp_path, 3)
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "owned"
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR.")
    with pytest.raises(TrainingError, match="pickle"):
        checkpoints.check(folder)
    assert not mark.exists()


@pytest.mark.train
def test_a_pickle_in_the_optimizer_state_is_not_executed(tmp_path):
    """Such a checkpoint is passed over, and the trainer's own reader is torch's weights_only one."""
    from .arrays import Fit, save_student

    class Bomb:
        def __reduce__(self):
            import os

            return (os.system, (f"touch {tmp_path / 'owned'}",))

    student = save_student(tmp_path / "student")
    Fit(tmp_path / "run", student, max_steps=2).run()
    found = checkpoints.latest(tmp_path / "run")
    assert found is not None
    torch.save(Bomb(), found / "optimizer.pt")
    assert "not executed" in str(checkpoints.problem(found))
    assert checkpoints.latest(tmp_path / "run") != found
    with pytest.raises(Exception, match=r"(?i)weights.?only|unsupported"):
        Fit(tmp_path / "run", student, max_steps=4).run(resume_from=found)
    assert not (tmp_path / "owned").exists()


def test_a_full_disk_is_recognised_however_it_is_told():
    assert checkpoints.disk_full(OSError(28, "No space left on device"))
    assert checkpoints.disk_full(
        RuntimeError("Error while serializing: I/O error: No space left (os error 28)")
    )
    wrapped = RuntimeError("writer failed")
    wrapped.__cause__ = OSError(122, "Disk quota exceeded")
    assert checkpoints.disk_full(wrapped)
    assert not checkpoints.disk_full(ValueError("shapes differ"))
