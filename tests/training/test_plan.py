"""What is decided when little is said, and why."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from reasonbook.errors import TrainingError
from reasonbook.training import planner
from reasonbook.training.loop.batches import Examples
from reasonbook.training.planning import device, memory_estimate, plan
from reasonbook.training.planning.config import TrainConfig
from reasonbook.training.planning.device import GIB, Machine
from reasonbook.training.planning.student import Student

pytest.importorskip("torch")

CPU = Machine("cpu", "CPU", 16 * GIB, 12 * GIB, 2, bf16=False)
T4 = Machine("cuda", "Tesla T4", 15 * GIB, 14 * GIB, 2, bf16=False, gpus=1)
H100 = Machine("cuda", "H100", 80 * GIB, 78 * GIB, 16, bf16=True, gpus=1)
TINY = Student("tiny", "qwen3", 750_000, 3, 128, 1024, random=True, quantized=False)
FOUR_B = Student("Qwen/Qwen3-4B", "qwen3", 4_020_000_000, 36, 2560, 151_936, random=False, quantized=False)


def data(rows, length=120):
    ids = [np.arange(length, dtype=np.int32)] * rows
    labels = [np.where(np.arange(length) < length // 2, -100, np.arange(length)).astype(np.int32)] * rows
    return Examples(ids, labels, list(range(rows)))


def make(student, machine, rows=2000, length=120, **settings):
    return planner.decide(
        data(rows, length), TrainConfig(**settings), student=student, machine=machine, validation_rows=100
    )


def test_random_weights_are_all_trained_and_long_enough():
    made = make(TINY, CPU, rows=10_000)
    assert (made.tuning, made.backend, made.precision) == ("full", "peft", "fp32")
    assert made.steps * made.batch_size >= planner.FROM_NOTHING
    assert made.learning_rate == 2e-3 and "random" in made.reasons["tuning"]


def test_a_real_student_on_a_gpu_gets_four_bits(monkeypatch):
    monkeypatch.setattr(memory_estimate, "installed", lambda name: True)
    made = make(FOUR_B, H100)
    assert made.tuning == "qlora" and made.precision == "bf16" and made.learning_rate == 2e-4
    assert made.rank == 16 and made.alpha == 32
    small = make(FOUR_B, T4, length=1000)
    assert small.precision == "fp16"
    assert small.micro_batch_size < made.micro_batch_size or small.gradient_checkpointing
    assert small.batch_size == made.batch_size
    assert small.memory <= T4.free


def test_more_length_takes_more_memory_and_four_bits_take_less():
    def need(**changes):
        usual = {
            "tuning": "lora", "precision": "bf16", "rank": 16, "micro": 4, "longest": 512, "targets": 256,
            "checkpointing": False,
        }  # fmt: skip
        return memory_estimate.estimate(FOUR_B, **{**usual, **changes})

    assert need(longest=1024) > need() > need(tuning="qlora")
    assert need(checkpointing=True) < need()
    assert need(tuning="full") > 10 * FOUR_B.parameters
    assert 2 * GIB < need(tuning="qlora", micro=1, longest=256) < 6 * GIB


def test_every_setting_on_the_card_has_its_reason():
    made = make(FOUR_B, CPU)
    html = made._repr_html_()
    for name in (
        "learning_rate",
        "rank",
        "micro_batch_size",
        "gradient_checkpointing",
        "precision",
        "padding",
    ):
        assert made.reasons[name] and name.replace("_", " ") in html
    again = plan.Plan.from_dict(made.to_dict())
    assert again == made


def test_what_is_asked_for_is_kept():
    made = make(
        TINY, CPU, max_steps=7, learning_rate=1e-4, batch_size=4, micro_batch_size=2, rank=3, alpha=5, threads=1,
        tuning="lora", eval_every=3, seed=9, gradient_checkpointing=True,
    )  # fmt: skip
    assert (made.steps, made.learning_rate, made.batch_size, made.micro_batch_size) == (7, 1e-4, 4, 2)
    assert (made.rank, made.alpha, made.tuning, made.eval_every, made.seed) == (3, 5, "lora", 3, 9)
    assert made.gradient_checkpointing and made.reasons["learning_rate"] == "asked for"


def test_epochs_are_counted_in_steps():
    assert make(FOUR_B, CPU, rows=100, epochs=2, batch_size=10).steps == 20
    assert make(FOUR_B, CPU, rows=5, batch_size=10).batch_size == 5


def test_rows_of_like_length_need_no_packing():
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 200, 1000)
    ids = [np.zeros(n, np.int32) for n in lengths]
    mixed = Examples(ids, ids, list(range(1000)))
    made = planner.decide(mixed, TrainConfig(), student=TINY, machine=CPU)
    assert made.padding < 0.1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"tuning": "Lora"}, "valid"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"epochs": -1}, "above 0"),
        ({"warmup": 1.5}, "share"),
        ({"backend": "trl"}, "valid"),
    ],
)
def test_settings_that_make_no_sense(settings, word):
    with pytest.raises(TrainingError, match=word):
        TrainConfig(**settings)


def test_no_rows():
    with pytest.raises(TrainingError, match="no rows") as caught:
        make(TINY, CPU, rows=0)
    assert "df.reason.split" in caught.value.fix


def test_all_weights_of_a_four_bit_student():
    with pytest.raises(TrainingError, match="4 or 8 bit"):
        make(replace(FOUR_B, quantized=True), CPU, tuning="full")


def test_all_cores_are_used_unless_others_use_them(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for taken, threads in ((0.1, 2), (0.9, 1), (3.0, 1)):
        monkeypatch.setattr(device, "cores_taken", lambda taken=taken: taken)
        made = make(TINY, CPU)
        assert made.threads == threads
        assert ("other processes use" in made.reasons["threads"]) == (threads == 1)


@pytest.mark.alone
def test_a_core_that_this_process_uses_is_not_taken_by_others():
    """As when a second training is planned while the first one runs, or has just ended."""

    def spin() -> None:
        while not ended.is_set():
            pass

    ended = threading.Event()
    mine = threading.Thread(target=spin)
    mine.start()
    try:
        before = device.cores_taken(0.5)
    finally:
        ended.set()
        mine.join()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert device.cores_taken(0.5) > before + 0.4
    finally:
        other.kill()
        other.wait()
