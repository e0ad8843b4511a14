"""Backends on a real, tiny model: adapters, 4-bit weights and their gradients, what cannot be trained."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from reasonbook.errors import TrainingError
from reasonbook.training.backends import peft as peft_backend
from reasonbook.training.backends.pick import get_backend, pick_backend
from reasonbook.training.planning import device
from reasonbook.training.planning.device import Machine

from .arrays import Fit, save_student

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("student") / "learned")


def test_an_adapter_learns_while_the_base_stands_still(student, tmp_path):
    fit = Fit(tmp_path, student, tuning="lora", max_steps=30, learning_rate=5e-3)
    backend = get_backend("peft")
    model = backend.load(fit.plan)
    base = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    assert all("lora_" in n for n, p in model.named_parameters() if p.requires_grad)
    fit.run(model=model)
    steps = fit.of("step")
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.2
    assert all(torch.equal(p, base[n]) for n, p in model.named_parameters() if n in base)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_adapter_comes_back_from_its_folder(student, tmp_path, precision):
    fit = Fit(tmp_path, student, tuning="lora", precision=precision, max_steps=4)
    model, _ = fit.run()
    model.save_pretrained(tmp_path / "model")
    again = get_backend("peft").load(fit.plan, weights=tmp_path / "model")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        assert torch.allclose(model.eval()(ids).logits, again.eval()(ids).logits, atol=1e-5)


def test_an_adapter_resumes_from_its_checkpoint(student, tmp_path):
    whole = Fit(tmp_path / "whole", student, tuning="lora", max_steps=8)
    model, _ = whole.run()
    half = Fit(tmp_path / "half", student, tuning="lora", max_steps=8, checkpoint_seconds=1e-6)
    half.run()
    shutil.rmtree(tmp_path / "half" / "checkpoint-8")
    from reasonbook.training.loop import checkpoints

    found = checkpoints.latest(tmp_path / "half")
    assert found is not None and found.name == "checkpoint-7"
    resumed, _ = Fit(tmp_path / "half", student, tuning="lora", max_steps=8).run(resume_from=found)
    ours = dict(resumed.named_parameters())
    assert all(torch.equal(p, ours[n]) for n, p in model.named_parameters())


def test_four_bit_weights_learn(student, tmp_path):
    pytest.importorskip("bitsandbytes")
    fit = Fit(tmp_path, student, tuning="qlora", max_steps=30, learning_rate=5e-3)
    model, outcome = fit.run()
    kinds = {type(p).__name__ for n, p in model.named_parameters() if "base_layer" in n}
    assert "Params4bit" in kinds and outcome.step == 30
    steps = fit.of("step")
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.2


def test_gradients_of_four_bit_weights_survive_an_evaluation(student, tmp_path):
    """bitsandbytes repacks weights in place on some processors when a forward pass takes no gradients."""
    pytest.importorskip("bitsandbytes")
    import bitsandbytes as bnb

    fit = Fit(tmp_path, student, tuning="qlora")
    model = get_backend("peft").load(fit.plan)
    layers = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    assert layers and all(layer.support_avx512bf16_for_cpu is False for layer in layers)
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])

    def gradient():
        model.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    for parameter in (p for n, p in model.named_parameters() if "lora_B" in n):
        torch.nn.init.normal_(parameter, std=0.05)
    before = gradient()
    model.eval()
    with torch.no_grad():
        model(input_ids=ids)
    model.train()
    after = gradient()
    assert torch.cosine_similarity(before, after, dim=0) > 0.9999


def test_the_guard_switches_off_what_a_fresh_layer_would_do():
    bnb = pytest.importorskip("bitsandbytes")
    layer = bnb.nn.Linear4bit(64, 64)
    layer.support_avx512bf16_for_cpu = True  # what bitsandbytes sets on such a processor
    assert peft_backend.guard_cpu_gradients(torch.nn.Sequential(layer)) == 1
    assert layer.support_avx512bf16_for_cpu is False


def test_gradient_checkpointing_changes_no_step(student, tmp_path):
    losses = []
    for saving in (False, True):
        fit = Fit(
            tmp_path / str(saving),
            student,
            tuning="lora",
            max_steps=3,
            gradient_checkpointing=saving,
            eval_every=3,
        )
        fit.run()
        losses.append([s["loss"] for s in fit.of("step")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


# -- which backend ---------------------------------------------------------------------------------------
CPU = Machine("cpu", "CPU", 16 << 30, 8 << 30, 2, bf16=False)
GPU = Machine("cuda", "GPU", 16 << 30, 15 << 30, 8, bf16=True, gpus=1)


def test_the_backend_follows_the_machine(monkeypatch):
    from reasonbook.training.backends.unsloth import UnslothBackend

    monkeypatch.setattr(UnslothBackend, "unavailable", lambda self: None)
    assert pick_backend("auto", CPU)[0] == "peft"
    assert pick_backend("auto", GPU)[0] == "unsloth"
    assert pick_backend("auto", replace(GPU, gpus=2))[0] == "peft"
    assert pick_backend("unsloth", CPU)[0] == "unsloth"
    monkeypatch.setattr(UnslothBackend, "unavailable", lambda self: "unsloth not installed: pip install …")
    name, why = pick_backend("auto", GPU)
    assert name == "peft" and "pip install" in why
    with pytest.raises(TrainingError, match="cannot run here"):
        pick_backend("unsloth", GPU)


# -- students that cannot be trained ---------------------------------------------------------------------
def test_a_student_that_is_not_there(tmp_path):
    with pytest.raises(TrainingError, match="neither a folder here nor") as caught:
        Fit(tmp_path, "no-such-student")  # type: ignore[arg-type]
    assert "tiny_student" in caught.value.fix


def test_a_folder_without_a_model(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no model that can be loaded"):
        Fit(tmp_path, tmp_path / "empty")


def test_a_student_with_pickled_weights_is_refused_unread(student, tmp_path):
    folder = tmp_path / "foreign"
    folder.mkdir()
    shutil.copy(student / "config.json", folder)
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(TrainingError, match="pickle") as caught:
        Fit(tmp_path, folder)
    assert "safe_serialization" in caught.value.fix


def test_a_student_with_code_of_its_own_is_refused_unless_asked_for(student, tmp_path):
    folder = tmp_path / "coder"
    shutil.copytree(student, folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {
        "AutoModelForCausalLM": "modeling_own.OwnModel",
        "AutoConfig": "modeling_own.OwnConfig",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_own.py").write_text("raise SystemExit('this must never run')")
    with pytest.raises(TrainingError, match="Python code of its own") as caught:
        Fit(tmp_path, folder)
    assert "trust_remote_code=True" in caught.value.fix


def test_layers_that_are_not_there(student, tmp_path):
    fit = Fit(tmp_path, student, tuning="lora", target_modules=("no_such_layer",))
    with pytest.raises(TrainingError, match="No adapter could be put on") as caught:
        get_backend("peft").load(fit.plan)
    assert "target_modules" in caught.value.fix


def test_four_bit_without_its_package(student, tmp_path, monkeypatch):
    from reasonbook.training.planning import memory_estimate

    monkeypatch.setattr(memory_estimate, "installed", lambda name: False)
    with pytest.raises(TrainingError, match="bitsandbytes is not installed") as caught:
        Fit(tmp_path, student, tuning="qlora")
    assert 'tuning="lora"' in caught.value.fix


def test_look_sees_this_machine():
    seen = device.look()
    assert seen.cores >= 1 and 0 < seen.free <= seen.memory
