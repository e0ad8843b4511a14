"""What can go wrong with a run: each has a sentence that says what to type."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from reasonbook.errors import FormatError, TrainingError
from reasonbook.job import Status
from reasonbook.training import Run, train
from tests.training.refund_chat import refund_chat

pytestmark = pytest.mark.train
AUTHOR = """\
{%- for m in messages -%}
{{- 'Q: ' + m.content + '\\nA:' if m.role == 'user' else m.content + eos_token -}}
{%- endfor -%}"""
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
    """It trains in a plain form with our tags, and every card on the way says so and what to type."""
    student = without_template(tiny_student, tmp_path / "student")
    chat = refund_chat(student, 20)
    assert "### Response:" in chat.format.prompt_text("Hi")
    (what, line), *_ = chat.report.warnings
    assert "has no chat template" in what and 'chat_template="…"' in line
    assert "has no chat template" in chat.report._repr_html_()
    run = train(chat, **FEW).wait()
    assert any("has no chat template" in note and "to_chat" in note for note in run.plan.notes)
    assert "has no chat template" in run.plan._repr_html_()
    assert "has no chat template" in run._repr_html_()
    given = refund_chat(student, 20, chat_template=AUTHOR)  # what the line says
    assert not given.report.warnings and given.format.prompt_text("Hi") == "Q: Hi\nA:"
    saved = run.save(tmp_path / "saved")
    again = Run.load(saved.path)
    assert again.format.prompt_text("Hi") == chat.format.prompt_text("Hi")


def without_template(tiny_student: str, folder: Path, **changes) -> str:
    student = copied(tiny_student, folder, chat_template=None, **changes)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    return student


def test_a_tokenizer_without_a_stop_token(tiny_student, tmp_path):
    """The template's own end of turn is learnt and stops the answer; where nothing ends one, nothing starts."""
    student = copied(tiny_student, tmp_path / "student", eos_token=None)
    chat = refund_chat(student, 40)
    assert chat.format.tokenizer.eos_token is None
    first = chat[0]
    assert chat.stop_ids and first.labels[first.labels != -100][-1] in chat.stop_ids
    assert train(chat, **FEW).wait().generate(["Hi"])[0].text
    bare = without_template(tiny_student, tmp_path / "bare", eos_token=None)
    for options in ({}, {"chat_template": AUTHOR}):
        with pytest.raises(FormatError, match="Nothing ends an answer") as caught:
            refund_chat(bare, 20, **options)
        assert "tokenizer.eos_token =" in caught.value.fix


def test_a_tokenizer_with_code_of_its_own(tiny_student, tmp_path):
    student = tmp_path / "student"
    shutil.copytree(tiny_student, student)
    settings = json.loads((student / "tokenizer_config.json").read_text())
    settings |= {"auto_map": {"AutoTokenizer": [None, "own.OwnTokenizer"]}, "tokenizer_class": "OwnTokenizer"}
    (student / "tokenizer_config.json").write_text(json.dumps(settings))
    (student / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.C"}})
    )
    (student / "own.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass OwnTokenizer: pass")
    with pytest.raises(FormatError, match="Python code of its own") as caught:
        refund_chat(str(student), 20)
    assert "trust_remote_code=True" in caught.value.fix and not (tmp_path / "owned").exists()


def test_a_student_with_code_of_its_own_trains_when_it_is_asked_for(tiny_student, tmp_path, monkeypatch):
    """Both lines that the refusals say: the tokenizer as an object, and the setting."""
    from transformers import AutoTokenizer, dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    student = tmp_path / "student"
    shutil.copytree(tiny_student, student)
    (student / "own.py").write_text(
        "from transformers import Qwen3Config, Qwen3ForCausalLM\n"
        "class C(Qwen3Config):\n    model_type = 'own'\n"
        "class M(Qwen3ForCausalLM):\n    config_class = C\n"
    )
    config = json.loads((student / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}}
    (student / "config.json").write_text(json.dumps(config))
    chat = refund_chat(AutoTokenizer.from_pretrained(student, trust_remote_code=True), 20)
    with pytest.raises(TrainingError, match="Python code of its own"):
        train(chat, **FEW)
    run = train(chat, **FEW, trust_remote_code=True).wait()
    assert run.status is Status.COMPLETED and type(run.trained.model).__name__ == "M"
    assert run.unload().generate(["Hi"])[0].text


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
    with pytest.raises(FormatError, match="no token of it carries loss") as caught:
        train(refund_chat(tiny_student, 20, strategy="final_only", mask_answer=True), **FEW)
    assert "mask_answer=False" in caught.value.fix


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
    with run.trained.lent() as model, torch.no_grad():
        next(model.parameters())[0] = float("nan")


def _forget() -> None:
    from reasonbook.training.runs import kernel_runs

    kernel_runs.forget()  # as in a new kernel


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


@pytest.mark.parametrize("harm", ["state", "weights", "optimizer"])
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
    elif harm == "weights":
        (newest / "model.safetensors").write_bytes(b"\0" * 64)
    else:
        (newest / "optimizer.pt").write_bytes((newest / "optimizer.pt").read_bytes()[:-4000])
    told: list[int] = []
    run.stream.subscribe(lambda e: e.kind == "step" and told.append(e.data["step"]), replay=False)
    run.resume()
    while not told:
        time.sleep(0.005)
    run.stop().wait()
    assert run.resume_from == older
    assert told[0] == int(newest.name.split("-")[1])  # the step after the older checkpoint
    assert run.history["step"]["step"].tolist() == list(range(1, run.step + 1))


def test_a_checkpoint_of_another_student_is_refused(tiny_student):
    """Its weights are never mixed in, and the one before it is a `resume` away."""
    from safetensors.numpy import load_file, save_file

    run = train(
        refund_chat(tiny_student, 40), max_steps=500, batch_size=8, samples=0, checkpoint_seconds=1e-3
    )
    while run.step < 3:
        time.sleep(0.005)
    run.stop().wait()
    at = run.step
    foreign = run.folder / f"checkpoint-{at}" / "model.safetensors"
    weights = load_file(foreign)
    name = next(n for n in weights if "q_proj" in n)
    for made, word in (
        ({n: w for n, w in weights.items() if n != name}, "is missing"),
        (weights | {name: weights[name][:64]}, r"has the shape \(64, 128\)"),
    ):
        save_file(made, foreign)
        with pytest.raises(TrainingError, match=word) as caught:
            run.resume().wait()
        assert f"checkpoint-{at}" in caught.value.problem and "run.resume()" in caught.value.fix
        assert run.status is Status.FAILED and run.step == at
    shutil.rmtree(foreign.parent)
    run.resume()
    while run.step < at:
        time.sleep(0.005)
    run.stop().wait()
    assert run.status is Status.CANCELLED


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
