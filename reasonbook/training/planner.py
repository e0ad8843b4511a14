"""Planner: decides every setting of a training, each with its reason."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from ..errors import TrainingError
from .backends.pick import pick_backend
from .loop.batches import Examples, LengthOrder
from .loop.processes import process_count
from .planning import device, memory_estimate
from .planning.config import TrainConfig
from .planning.device import Machine
from .planning.plan import Plan
from .planning.student import SMALL, Student, look_up

if TYPE_CHECKING:
    from ..chat import ChatDataset


FROM_NOTHING = 32_000  # examples that random weights were seen to need for a small task


LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def decide(
    train: Examples,
    config: TrainConfig,
    *,
    student: Student,
    machine: Machine,
    validation_rows: int = 0,
    processes: int = 1,
) -> Plan:
    """Decides everything that the config left open.

    Raises:
        TrainingError: there is nothing to learn from, or the student cannot be trained as asked.
    """
    if not len(train):
        raise TrainingError(
            "The train split has no rows that can be trained on.",
            "df.reason.split(test=0.1) makes splits; df.reason.to_chat(student).report says which rows were dropped",
        )
    why: dict[str, str] = {}
    tuning = _tuning(config, student, machine, why)
    backend, why["backend"] = pick_backend(config.backend, machine, tuning=tuning)
    precision = _precision(config, machine, why)
    lengths = train.lengths
    longest = int(lengths.max())
    why["longest"] = "tokens of the longest row; nothing is cut"
    targets = max(int((labels != -100).sum()) for labels in train.labels)
    batch = _batch(config, train.per_epoch, why)
    steps = _steps(config, train.per_epoch, batch, student, tuning, why)
    order = LengthOrder(lengths, batch, seed=config.seed, draws=train.draws).order(0)
    widths = [lengths[order[i : i + batch]] for i in range(0, len(order), batch)]
    padding = 1 - float(lengths[order].sum()) / max(1.0, float(sum(int(w.max()) * len(w) for w in widths)))
    why["padding"] = "rows of like length share a batch, so nothing is packed and no row sees another"
    rank = config.rank or min(16, max(4, student.hidden // 8))
    why["rank"] = "asked for" if config.rank else "enough for one task; more rarely helps"
    why["alpha"] = "asked for" if config.alpha else "twice the rank, the usual scale"
    why["target_modules"] = "asked for" if config.target_modules else "every linear layer but the output"
    rate = config.learning_rate or _rate(student, tuning)
    why["learning_rate"] = "asked for" if config.learning_rate else _RATE_REASON[_rate_case(student, tuning)]
    micro, checkpointing, memory = memory_estimate.fit_memory(
        student, machine, tuning=tuning, precision=precision, rank=rank, batch=-(-batch // processes),
        longest=longest, targets=targets, micro=config.micro_batch_size,
        checkpointing=config.gradient_checkpointing, why=why,
    )  # fmt: skip
    every = config.eval_every or (max(10, math.ceil(steps / 8)) if validation_rows or config.samples else 0)
    why["eval_every"] = "asked for" if config.eval_every else "about eight looks at the validation rows"
    why["eval_rows"] = f"at most; there are {validation_rows} validation rows"
    why["early_stopping"] = (
        "off: the schedule is made for the whole length" if not config.early_stopping else ""
    )
    why["checkpoint_seconds"] = "at most this much work is lost when the kernel dies"
    attention = "eager" if machine.device == "cpu" and precision == "bf16" else "sdpa"
    why["attention"] = "measured fastest for this device and precision"
    threads = _threads(config, machine, why)
    warmup = min(steps // 2, max(1, round(steps * config.warmup)))
    return Plan(
        student=student.name, kind=student.kind, parameters=student.parameters, rows=len(train),
        longest=longest, backend=backend, tuning=tuning, precision=precision, device=machine.device,
        attention=attention, steps=steps, epochs=round(steps * batch / train.per_epoch, 3), batch_size=batch,
        micro_batch_size=micro, learning_rate=rate, schedule=config.schedule, warmup_steps=warmup,
        weight_decay=config.weight_decay, max_grad_norm=config.max_grad_norm, rank=rank,
        alpha=config.alpha or 2 * rank, dropout=config.dropout,
        target_modules=config.target_modules or (LINEAR if backend == "unsloth" else ("all-linear",)),
        gradient_checkpointing=checkpointing, eval_every=min(every, steps), eval_rows=config.eval_rows,
        samples=config.samples, sample_tokens=config.sample_tokens or targets + 32,
        early_stopping=config.early_stopping, patience=config.patience, seed=config.seed, threads=threads,
        checkpoint_seconds=config.checkpoint_seconds, trust_remote_code=config.trust_remote_code,
        processes=processes, memory=memory, padding=round(padding, 4), reasons=why,
    )  # fmt: skip


def _threads(config: TrainConfig, machine: Machine, why: dict[str, str]) -> int:
    if config.threads:
        why["threads"] = "asked for"
        return config.threads
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdigit() and int(wished) > 0:
        why["threads"] = "OMP_NUM_THREADS says so"
        return min(machine.cores, int(wished))
    if machine.device != "cpu":
        return min(4, machine.cores)
    if machine.cores > 1:
        taken = device.cores_taken()
        if (os.cpu_count() or machine.cores) - taken < machine.cores - 0.5:
            why["threads"] = (
                f"other processes use {taken:.1f} cores: threads that wait for each other would lose time"
            )
            return max(1, machine.cores // 2)
    why["threads"] = "every core"
    return machine.cores


def _tuning(config: TrainConfig, student: Student, machine: Machine, why: dict[str, str]) -> str:
    if config.tuning != "auto":
        why["tuning"] = "asked for"
        if config.tuning == "qlora":
            reason = memory_estimate.four_bit_missing(machine)
            if reason is not None:
                raise TrainingError(f"QLoRA cannot run here: {reason}", 'TrainConfig(tuning="lora")')
        if config.tuning == "full" and student.quantized:
            raise TrainingError(
                f"The weights of {student.name!r} are stored in 4 or 8 bit; they cannot all be trained.",
                'TrainConfig(tuning="qlora")',
            )
        return config.tuning
    if student.random:
        why["tuning"] = "the student's weights are random: an adapter would have nothing to adapt"
        return "full"
    if student.parameters < SMALL:
        why["tuning"] = f"{student.size} parameters: all of them train faster than an adapter would help"
        return "full"
    missing = memory_estimate.four_bit_missing(machine)
    if missing is None and machine.device == "cuda":
        why["tuning"] = "an adapter on 4-bit weights: the least memory at nearly the same quality"
        return "qlora"
    why["tuning"] = "an adapter" + (f"; no 4-bit weights: {missing}" if missing else " on 16-bit weights")
    return "lora"


def _precision(config: TrainConfig, machine: Machine, why: dict[str, str]) -> str:
    if config.precision != "auto":
        why["precision"] = "asked for"
        return config.precision
    if machine.bf16:
        why["precision"] = "this device multiplies bfloat16 in hardware"
        return "bf16"
    if machine.device == "cuda":
        why["precision"] = "this GPU has no bfloat16"
        return "fp16"
    why["precision"] = "this processor would have to emulate bfloat16, about three times slower"
    return "fp32"


def _batch(config: TrainConfig, rows: int, why: dict[str, str]) -> int:
    if config.batch_size:
        why["batch_size"] = "asked for"
        return min(config.batch_size, rows)
    usual = 16  # random weights learnt a task much better from 16 rows a step than from 32, in the same time
    batch = max(1, min(usual, rows // 8)) if rows < usual * 8 else usual
    why["batch_size"] = (
        "many small steps teach more than few large ones" if batch == usual else f"only {rows} rows"
    )
    return batch


def _steps(
    config: TrainConfig, rows: int, batch: int, student: Student, tuning: str, why: dict[str, str]
) -> int:
    if config.max_steps:
        why["steps"] = "asked for"
        return config.max_steps
    per_epoch = math.ceil(rows / batch)
    if config.epochs:
        why["epochs"] = "asked for"
        return max(1, round(per_epoch * config.epochs))
    if student.random and tuning == "full":
        why["steps"] = f"weights that start from nothing need about {FROM_NOTHING:,} examples"
        return max(per_epoch, math.ceil(FROM_NOTHING / batch))
    epochs = 3 if rows < 2_000 else 2 if rows < 10_000 else 1
    why["epochs"] = f"usual for {rows:,} rows"
    return per_epoch * epochs


_RATES = {"nothing": 2e-3, "small full": 5e-4, "full": 2e-5, "small adapter": 2e-3, "adapter": 2e-4}


_RATE_REASON = {
    "nothing": "random weights bear a high rate",
    "small full": "all weights of a small student that has learned already",
    "full": "all weights of a student that has learned already",
    "small adapter": "an adapter on a small student",
    "adapter": "usual for LoRA",
}


def _rate_case(student: Student, tuning: str) -> str:
    small = student.parameters < SMALL
    if tuning == "full":
        return "nothing" if student.random else "small full" if small else "full"
    return "small adapter" if small else "adapter"


def _rate(student: Student, tuning: str) -> float:
    return _RATES[_rate_case(student, tuning)]


def make_plan(chat: ChatDataset, config: TrainConfig | None = None) -> Plan:
    """Every setting that `train` would use, with reasons; nothing is loaded or trained.

    Raises:
        FormatError: the chat dataset must not be trained.
        TrainingError: as in `train`.

    Example:
        >>> from reasonbook.training import TrainConfig, make_plan
        >>> make_plan(chat, TrainConfig(max_steps=20)).tuning
        'full'
    """
    settings = config or TrainConfig()
    chat.check()
    learning = chat.split("train")
    if not len(learning):
        raise TrainingError(
            f"The train split has no rows to learn from; there are {chat.splits or 'none at all'}.",
            "df.reason.split(test=0.1) makes splits; chat.report says why rows were left out",
        )
    train_rows = Examples.of(learning)
    return decide(
        train_rows,
        settings,
        student=look_up(chat.student, trust_remote_code=settings.trust_remote_code),
        machine=device.look(),
        validation_rows=len(chat.split("validation")),
        processes=process_count(),
    ).replace(notes=chat.report.remarks)
