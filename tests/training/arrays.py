"""A small student and arrays for the tests of the loop and the backends: no chat data, no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reasonbook.chat.rendering.token_weights import TokenWeights
from reasonbook.training import planner
from reasonbook.training.backends.pick import get_backend
from reasonbook.training.loop.backend import FitResult, FitTask
from reasonbook.training.loop.batches import Examples
from reasonbook.training.loop.control import Control
from reasonbook.training.planning import device, student
from reasonbook.training.planning.config import TrainConfig
from reasonbook.training.run_events import RunEvent, to_data

VOCABULARY = 128


def save_student(folder: Path, *, hidden: int = 64, seed: int = 0, **config: Any) -> Path:
    """A Qwen3 of random weights whose 4-bit blocks fit, saved as safetensors."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=2, head_dim=32, max_position_embeddings=256,
                tie_word_embeddings=True, bos_token_id=None, eos_token_id=1, pad_token_id=0, **config,
            )
        )  # fmt: skip
    model.save_pretrained(folder)
    return folder


def rows(count: int, *, seed: int = 0, shortest: int = 8, longest: int = 24) -> Examples:
    """Sequences that count upwards from a random start: easily learnt. A third of each row is a masked prompt."""
    rng = np.random.default_rng(seed)
    ids, labels = [], []
    for _ in range(count):
        n, start = int(rng.integers(shortest, longest + 1)), int(rng.integers(2, 40))
        row = ((start + np.arange(n)) % (VOCABULARY - 2) + 2).astype(np.int32)
        target = row.copy()
        target[: n // 3] = -100
        ids.append(row)
        labels.append(target)
    return Examples(ids, labels, list(range(count)))


def heavier(data: Examples, weights: list[float]) -> Examples:
    """The same rows, whose target tokens take these weights in turn."""
    table = np.zeros(256, np.float32)
    table[128 : 128 + len(weights)] = weights
    codes = [
        np.where(labels == -100, 0, 128 + np.arange(len(labels)) % len(weights)).astype(np.uint8)
        for labels in data.labels
    ]
    return replace(data, weights=TokenWeights(codes, table, np.ones(len(codes), np.float32)))


class Fit:
    """One fit with everything it told."""

    def __init__(self, folder: Path, source: Path, *, train: Examples | None = None, **settings: Any) -> None:
        self.folder = folder
        self.train = train if train is not None else rows(64)
        self.validation: Examples | None = rows(16, seed=1)
        self.stop_now = False
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.row_losses: list[tuple[int, list[int], list[float]]] = []
        self.control = Control(lambda: self.stop_now)
        self.observe: Any = lambda model, step: None
        config = TrainConfig(**{"max_steps": 12, "batch_size": 8, "eval_every": 6, "threads": 1, **settings})
        self.plan = planner.decide(
            self.train,
            config,
            student=student.look_up(str(source)),
            machine=replace(device.look(), cores=1),
            validation_rows=16,
        )

    def emit(self, event: RunEvent) -> None:
        self.events.append((event.kind, to_data(event)))

    def keep_row_losses(self, epoch: int, rows: list[int], losses: list[float]) -> None:
        self.row_losses.append((epoch, rows, losses))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == kind]

    def run(self, *, resume_from: Path | None = None, model: Any = None) -> tuple[Any, FitResult]:
        backend = get_backend(self.plan.backend)
        model = model if model is not None else backend.load(self.plan)
        task = FitTask(
            train=self.train, validation=self.validation, plan=self.plan, folder=self.folder, pad_id=0,
            resume_from=resume_from, observe=self.observe, keep_row_losses=self.keep_row_losses,
        )  # fmt: skip
        return model, backend.fit(model, task, self.emit, self.control)
