"""What can go wrong with a run: each has a sentence that says what to type."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from reasonbook.errors import ReasonbookError, TrainingError
from reasonbook.job import Status
from reasonbook.training import Run, train
from tests.training.refund_chat import refund_chat

pytestmark = pytest.mark.train
FEW = {"max_steps": 2, "batch_size": 8, "samples": 0}


def copied(student: str, folder: Path, **changes) -> str:
    """The tiny student with another tokenizer setting."""
    from transformers import AutoTokenizer

    shutil.copytree(student, folder)
    tokenizer = AutoTokenizer.from_pretrained(student)
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_tokenizer_whose_pad_is_its_end(tiny_student, tmp_path):
    """The stop token carries loss although it is what short rows are filled with."""
    student = copied(tiny_student, tmp_path / "student", pad_token="<|im_end|>")
    chat = refund_chat(student, 40)
    run = train(chat, **FEW).wait()
    first = chat[0]
    assert first.labels[first.labels != -100][-1] == chat.stop_ids[0]
    plain = train(refund_chat(tiny_student, 40), **FEW).wait()
    np.testing.assert_allclose(run.history["step"]["loss"], plain.history["step"]["loss"], rtol=1e-5)
    assert run.generate(["Hi", "a longer question"])[0].text == run.generate(["Hi"])[0].text


def test_a_tokenizer_without_a_pad_token(tiny_student, tmp_path):
    student = copied(tiny_student, tmp_path / "student", pad_token=None)
    run = train(refund_chat(student, 40), **FEW).wait()
    assert run.status is Status.COMPLETED and len(run.generate(["Hi", "a longer one"])) == 2


def test_a_student_without_a_chat_template(tiny_student, tmp_path):
    student = copied(tiny_student, tmp_path / "student", chat_template=None)
    (Path(student) / "chat_template.jinja").unlink(missing_ok=True)
    chat = refund_chat(student, 20)
    assert "### Response:" in chat.format.prompt_text("Hi")  # a plain form, shown before anything trains
    run = train(chat, **FEW).wait()
    saved = run.save(tmp_path / "saved")
    again = Run.load(saved.path)
    assert again.format.prompt_text("Hi") == chat.format.prompt_text("Hi")


def test_tokenizer_and_model_that_do_not_belong_together(tiny_student, tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    student = tmp_path / "student"
    shutil.copytree(tiny_student, student)
    config = AutoConfig.from_pretrained(tiny_student, vocab_size=300)
    AutoModelForCausalLM.from_config(config).save_pretrained(student)
    run = train(refund_chat(str(student), 20), **FEW)
    with pytest.raises(TrainingError, match=r"knows only 300"):
        run.wait()
    assert run.status is Status.FAILED and "tokenizer" in run.reason


def test_labels_that_are_all_masked(tiny_student):
    with pytest.raises(ReasonbookError) as caught:
        train(refund_chat(tiny_student, 20, strategy="final_only", mask_answer=True), **FEW)
    assert caught.value.fix


def test_a_rate_that_ends_in_nan(tiny_student):
    """The run fails at the step, says the rate to try, and the reloaded run says the same."""
    run = train(refund_chat(tiny_student, 40), max_steps=30, batch_size=8, samples=0)
    _poison(run)
    with pytest.raises(TrainingError, match="NaN or infinite") as caught:
        run.wait()
    assert f"learning_rate={run.plan.learning_rate / 3:.1g}" in caught.value.fix
    assert run.status is Status.FAILED and "NaN" in run._repr_html_()
    _forget()
    again = Run.load(run.id)
    assert again.status is Status.FAILED and "NaN" in again.reason


def _poison(run: Run) -> None:
    """Spoils a weight between two steps, as a bad kernel or a bad rate would."""
    import torch

    while run.step < 2:
        time.sleep(0.005)
    with run.lent() as model, torch.no_grad():
        next(model.parameters())[0] = float("nan")


def _forget() -> None:
    import weakref

    from reasonbook.training import run as module

    module._here = weakref.WeakSet()


def test_a_full_disk_in_mid_training(tiny_student, monkeypatch):
    """Nothing is lost but what needs the disk: it trains to its end, alarms once, and answers."""
    from transformers import PreTrainedModel

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    run = train(refund_chat(tiny_student, 40), **FEW).wait()
    assert run.status is Status.COMPLETED
    alarms = [str(event.data["text"]) for event in run.stream if event.kind == "alarm"]
    assert any("disk is full" in text for text in alarms)
    assert any("still in memory" in text for text in alarms)
    assert run.generate(["Hi"])[0].text
    with pytest.raises(TrainingError, match="no trained weights"):
        run.unload().generate(["Hi"])


def test_a_store_that_cannot_be_written_stops_no_training(tiny_student, monkeypatch):
    from reasonbook.errors import StoreError
    from reasonbook.store import Store

    refused = []

    def full(self, subject, events):
        refused.append(len(events))
        raise StoreError("The store cannot be written: database or disk is full.", "free some space")

    run = train(refund_chat(tiny_student, 40), max_steps=6, batch_size=8, samples=0)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", full)
        run.wait()
    assert run.status is Status.COMPLETED and refused
    assert run.history["step"]["step"].tolist() == [1, 2, 3, 4, 5, 6]
    run._journal.flush()  # what waited is written when there is room again
    kept = [
        event.data["step"] for event in run._journal.store.events(f"run:{run.id}") if event.kind == "step"
    ]
    assert kept == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("harm", ["state", "weights"])
def test_a_damaged_checkpoint_is_passed_over(tiny_student, harm):
    """The run goes back to the checkpoint before it, and its curve with it."""
    run = train(
        refund_chat(tiny_student, 40), max_steps=500, batch_size=8, samples=0, checkpoint_seconds=1e-3
    )
    while run.step < 3:
        time.sleep(0.005)
    run.stop().wait()
    newest = run.folder / f"checkpoint-{run.step}"
    older = run.folder / f"checkpoint-{run.step - 1}"
    assert newest.is_dir() and older.is_dir()
    if harm == "state":
        (newest / "trainer_state.json").write_text('{"global_st')
    else:
        (newest / "model.safetensors").write_bytes(b"\0" * 64)
    told: list[int] = []
    run.stream.subscribe(lambda e: e.kind == "step" and told.append(e.data["step"]), replay=False)
    run.resume()
    while not told:
        time.sleep(0.005)
    run.stop().wait()
    assert run.resume_from == older
    assert told[0] == int(newest.name.split("-")[1])  # the step after the older checkpoint
    assert run.history["step"]["step"].tolist() == list(range(1, run.step + 1))


def test_data_of_a_run_that_is_gone(tiny_student):
    run = train(refund_chat(tiny_student, 40), max_steps=300, batch_size=8, samples=0)
    run.stop().wait()
    _forget()
    (run.folder / "data.npz").unlink()
    again = Run.load(run.id)
    with pytest.raises(TrainingError, match="missing or damaged"):
        again.resume()
    assert not again.running


def test_a_card_that_is_none(tmp_path):
    (tmp_path / "card.json").write_text("[1, 2")
    with pytest.raises(TrainingError, match="not a run card"):
        Run.load(tmp_path)


def test_a_prompt_that_leaves_no_room(tiny_student):
    run = train(refund_chat(tiny_student, 40), **FEW).wait()
    with pytest.raises(TrainingError, match="sees at most 1,024"):
        run.generate(["word " * 2000])


def test_one_row_trains(tiny_student):
    run = train(refund_chat(tiny_student, 1, held_out=0), **FEW).wait()
    assert run.status is Status.COMPLETED and run.plan.batch_size == 1
    with pytest.raises(TrainingError, match=r"share no rows|empty"):
        run.evaluate("test")
