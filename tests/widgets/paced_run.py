"""A real run whose training is played at a pace of its own: for views, which real training would slow."""

from __future__ import annotations

import itertools
import math
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from reasonbook.job import Job, Status
from reasonbook.training.planning.config import TrainConfig
from reasonbook.training.planning.plan import Plan
from reasonbook.training.run import Run
from reasonbook.training.run_events import (
    AlarmEvent,
    EtaEvent,
    EvalEvent,
    NoteEvent,
    SampledAnswer,
    SamplesEvent,
    StepEvent,
)
from reasonbook.training.runs.row_losses import StepRow
from reasonbook.training.runs.trained import TrainedStudent

_NUMBERS = itertools.count(1)


def plan_of(steps: int) -> Plan:
    """A plan of so many steps; nothing of it is carried out."""
    return Plan(
        student="paced", kind="paced", parameters=1_200_000, rows=100, longest=64, backend="peft", tuning="full",
        precision="fp32", device="cpu", attention="sdpa", steps=steps, epochs=3.0, batch_size=4,
        micro_batch_size=4, learning_rate=2e-4, schedule="cosine", warmup_steps=1, weight_decay=0.0,
        max_grad_norm=1.0, rank=8, alpha=16, dropout=0.0, target_modules=("all-linear",),
        gradient_checkpointing=False, eval_every=50, eval_rows=100, samples=4, sample_tokens=64,
        early_stopping=None, patience=3, seed=0, threads=1, checkpoint_seconds=600.0, trust_remote_code=False,
    )  # fmt: skip


def student_of(
    id: str, steps: int, *, name: str = "", strategy: str = "final_and_reasoning"
) -> TrainedStudent:
    """A student that a run of events alone can stand on: no model, no data."""
    return TrainedStudent(
        id=id,
        name=name or id,
        plan=plan_of(steps),
        config=TrainConfig(),
        strategy=strategy,
        folder=Path(tempfile.gettempdir()) / "reasonbook-paced" / id,
        form=lambda: (_ for _ in ()).throw(NotImplementedError("a paced run has no student to ask")),
    )


class PacedRun(Run):
    """Emits steps, evaluations, samples, notes and alarms; pause, resume and stop work.

    Args:
        steps: how many.
        rate: steps per second; 0 for as fast as it goes.
        seed: of the noise on the curves.
        floor: loss that it comes down to.
        strategy: what its student would learn to write.
        sources: names of the sources that its rows would be of.
    """

    def __init__(
        self, *, steps=200, rate=100.0, seed=0, floor=0.2, name="", every=50, fail_at=None,
        strategy="final_and_reasoning", sources=(),
    ):  # fmt: skip
        student = student_of(f"paced-{next(_NUMBERS)}", steps, name=name, strategy=strategy)
        super().__init__(student, store=None)
        self.steps, self.rate, self.floor, self.every, self.fail_at = steps, rate, floor, every, fail_at
        self.random = random.Random(seed)
        self.sources = sources
        self.done = 0
        self._go = threading.Event()
        self._go.set()

    def __repr__(self) -> str:
        return f"PacedRun({self.id}, {self.status})"

    def _repr_html_(self) -> str:
        return f"<div>{self.id}</div>"

    def start(self):
        """Several may be played at once, and nothing is written."""
        return Job.start(self)

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

    def rows_at(self, step: int) -> list[StepRow]:
        return [
            StepRow(
                10 * step + i,
                f"key-{step}-{i}",
                f"Refund for order {1000 + step}-{i}? Bought 12 days ago, opened, a member.",
                f"Refund: {7 * i}.00 EUR",
                self.loss(step) * (0.6 + 0.2 * i),
            )
            for i in range(4)
        ]

    def loss(self, step: int) -> float:
        return self.floor + 2.4 * math.exp(-step / (self.steps / 6)) + 0.15

    def _work(self) -> Status:
        self._set(Status.RUNNING)  # it stands in no line
        self.emit(NoteEvent("Student loaded: 1.2 M parameters, full fine-tuning."))
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
        self.emit(
            StepEvent(
                step,
                self.steps,
                loss=self.loss(step) * math.exp(0.12 * noise),
                learning_rate=2e-4 * min(1, share * 20) * (1 - share * 0.9),
                grad_norm=0.6 + abs(self.random.gauss(0, 0.5)),
                tokens_per_second=12_000 + 300 * noise,
                memory=1.4e9 + 2e8 * share,
                epoch=3 * share,
            )
        )
        if step % 20 == 0:
            self.emit(EtaEvent((self.steps - step) / (self.rate or 1000), step, self.steps))
        if step % self.every == 0:
            loss = self.loss(step) * 1.08
            apart = {name: loss * (0.8 + 0.5 * i) for i, name in enumerate(self.sources)}
            self.emit(EvalEvent(step, loss, sources=apart or None))
            rows = tuple(self._answer(i, min(1.0, share * 1.3)) for i in range(4))
            right = sum(bool(row.correct) for row in rows) / len(rows)
            self.emit(SamplesEvent(step, rows, Counter(row.health for row in rows), right, len(rows)))
        if step == self.steps // 2:
            self.emit(AlarmEvent("loss_spike", "Loss rose to 3 times its average.", step))

    @staticmethod
    def _answer(i: int, good: float) -> SampledAnswer:
        right = (i + 0.5) / 4 < good - 0.2
        amount = f"{(i + 1) * 12.5:.2f} EUR"
        return SampledAnswer(
            prompt=f"Order {i + 41} came broken, I paid {amount}. Can I have a refund?",
            thinking="Customer Intent: refund\nDays since purchase: 7\nCondition: damaged\n"
            "Policy: full refund within 30 days",
            answer=f"Refund: {amount if right else '0.00 EUR'}",
            health="valid" if (i + 0.5) / 4 < good else "unfinished",
            correct=right,
            expected=f"Refund: {amount}",
        )
