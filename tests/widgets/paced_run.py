"""A job that emits what a training run emits, at a pace of its own: for views, which training would slow."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time

from reasonbook.events import Stream
from reasonbook.job import Job, Status

_NUMBERS = itertools.count(1)


class PacedRun(Job):
    """Emits steps, evaluations, samples, notes and alarms; pause, resume and stop work.

    Args:
        steps: how many.
        rate: steps per second; 0 for as fast as it goes.
        seed: of the noise on the curves.
        floor: loss that it comes down to.
        keep: of its stream.
    """

    def __init__(
        self, *, steps=200, rate=100.0, seed=0, floor=0.2, name="", every=50, fail_at=None, keep=None
    ):
        super().__init__(stream=Stream(keep=keep))
        self.id = f"paced-{next(_NUMBERS)}"
        self.name = name or self.id
        self.steps, self.rate, self.floor, self.every, self.fail_at = steps, rate, floor, every, fail_at
        self.random = random.Random(seed)
        self.done = 0
        self._go = threading.Event()
        self._go.set()

    def __repr__(self) -> str:
        return f"PacedRun({self.id}, {self.status})"

    def _repr_html_(self) -> str:
        return f"<div>{self.id}</div>"

    def pause(self):
        self._go.clear()
        self._set(Status.PAUSED)
        return self

    def resume(self):
        if self.status is Status.PAUSED:
            self._go.set()
            self._set(Status.RUNNING)
        else:
            self.start()
        return self

    def rows_at(self, step: int) -> list[dict]:
        return [
            {
                "position": 10 * step + i,
                "prompt": f"Refund for order {1000 + step}-{i}? Bought 12 days ago, opened, a member.",
                "response": f"Refund: {7 * i}.00 EUR",
                "loss": self.loss(step) * (0.6 + 0.2 * i),
            }
            for i in range(4)
        ]

    def loss(self, step: int) -> float:
        return self.floor + 2.4 * math.exp(-step / (self.steps / 6)) + 0.15

    def _work(self) -> Status:
        self.stream.emit("note", text="Student loaded: 1.2 M parameters, full fine-tuning.")
        begun = time.perf_counter()
        first = self.done
        while self.done < self.steps:
            self._go.wait(0.05)
            if self.stopping:
                return Status.CANCELLED
            if not self._go.is_set():
                continue
            self.one_step(self.done + 1)
            if self.rate:
                ahead = begun + (self.done - first) / self.rate - time.perf_counter()
                if ahead > 0:
                    time.sleep(ahead)
        return Status.COMPLETED

    def one_step(self, step: int) -> None:
        self.done = step
        noise = self.random.gauss(0, 1)
        share = step / self.steps
        if step == self.fail_at:
            raise RuntimeError("out of memory at step " + str(step))
        self.stream.emit(
            "step",
            step=step,
            total=self.steps,
            loss=self.loss(step) * math.exp(0.12 * noise),
            learning_rate=2e-4 * min(1, share * 20) * (1 - share * 0.9),
            grad_norm=0.6 + abs(self.random.gauss(0, 0.5)),
            tokens_per_second=12_000 + 300 * noise,
            memory=1.4e9 + 2e8 * share,
            epoch=3 * share,
        )
        if step % 20 == 0:
            self.stream.emit("eta", seconds=(self.steps - step) / (self.rate or 1000), total=self.steps)
        if step % self.every == 0:
            self.stream.emit("eval", step=step, eval_loss=self.loss(step) * 1.08)
            good = min(1.0, share * 1.3)
            rows = []
            for i in range(4):
                valid = (i + 0.5) / 4 < good
                right = (i + 0.5) / 4 < good - 0.2
                amount = f"{(i + 1) * 12.5:.2f} EUR"
                rows.append(
                    {
                        "prompt": f"Order {i + 41} came broken, I paid {amount}. Can I have a refund?",
                        "thinking": "Customer Intent: refund\nDays since purchase: 7\nCondition: damaged\n"
                        "Policy: full refund within 30 days",
                        "answer": f"Refund: {amount if right else '0.00 EUR'}",
                        "text": "",
                        "health": "valid" if valid else "unfinished",
                        "correct": right,
                        "expected": f"Refund: {amount}",
                    }
                )
            self.stream.emit("samples", step=step, rows=rows)
        if step == self.steps // 2:
            self.stream.emit("alarm", kind="loss_spike", text="Loss rose to 3 times its average.", step=step)
