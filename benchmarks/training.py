"""Our training against a plain TRL SFTTrainer and a plain Unsloth loop, on the same rows and settings.

    python benchmarks/training.py [--rounds 3] [--steps 60] [--tuning lora|full] [--out benchmarks/training.json]

Every arm runs in a process of its own; the arms take turns, round after round, so that a busy machine harms
all alike. All get the very same arrays, batch size, optimizer, schedule and one CPU thread. Tokens are those
of the rows, padding left out; speed is tokens per second of process CPU time, which a neighbour on the machine
changes little, over the steps after the first ten. `ours` has its events persisted and read (live curves on);
`ours+widget` has a TrainingCurves view attached besides. `trl` and `unsloth` are given batches of rows of like
length, as ours does by itself; `trl, random order` is what one gets without asking for that.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WARM = 10
RATE, BATCH = 2e-3, 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--tuning", choices=("lora", "full"), default="lora")
    parser.add_argument("--arms", nargs="*", default=None)
    parser.add_argument("--out", default="")
    parser.add_argument("--arm", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.arm:
        print("RESULT " + json.dumps(ARMS[args.arm](args)))
        return
    names = args.arms or [n for n in ARMS if "unsloth" not in n or _has("unsloth")]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(args.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            results[name].append(_process(name, args))
            print(f"round {number + 1}  {name:<20} {_line(results[name][-1])}", flush=True)
    report = _report(results, args)
    print("\n" + _table(report))
    if args.out:
        Path(args.out).write_text(json.dumps(report, indent=1))


# -- arms ------------------------------------------------------------------------------------------------
def ours(args: argparse.Namespace, *, widget: bool = False) -> dict[str, float]:
    from reasonbook.training import train

    chat = _chat(args)
    marks = Marks()
    run = train(
        chat, max_steps=args.steps, tuning=args.tuning, backend="peft", batch_size=BATCH, learning_rate=RATE,
        threads=1, samples=0, eval_every=10**9, checkpoint_seconds=10**9,
    )  # fmt: skip
    view: Any = None
    if widget:
        from reasonbook.widgets import TrainingCurves

        view = TrainingCurves(run)
    run.stream.subscribe(lambda e: marks.step(int(e.data["tokens"])) if e.kind == "step" else None)
    run.wait()
    if view is not None:
        view.close()
    return marks.result(run.history["step"]["loss"][-1])


def trl(args: argparse.Namespace, *, grouped: bool = True) -> dict[str, float]:
    from transformers import AutoModelForCausalLM, TrainerCallback
    from trl import SFTTrainer  # pyright: ignore

    chat = _chat(args)
    model = AutoModelForCausalLM.from_pretrained(chat.student)
    peft_config = None
    if args.tuning == "lora":
        from peft import LoraConfig

        peft_config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    return _sft(SFTTrainer, TrainerCallback, model, chat, args, grouped=grouped, peft_config=peft_config)


def unsloth(args: argparse.Namespace) -> dict[str, float]:
    from unsloth import FastLanguageModel  # isort: skip  first, as its notebooks do
    from transformers import TrainerCallback
    from trl import SFTTrainer  # pyright: ignore

    chat = _chat(args)
    model, _ = FastLanguageModel.from_pretrained(
        chat.student, max_seq_length=512, load_in_4bit=False, full_finetuning=args.tuning == "full"
    )
    if args.tuning == "lora":
        model = FastLanguageModel.get_peft_model(
            model, r=16, lora_alpha=32, lora_dropout=0, use_gradient_checkpointing=False,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        )  # fmt: skip
    return _sft(SFTTrainer, TrainerCallback, model, chat, args)


def _sft(
    trainer_class: Any, callback: Any, model: Any, chat: Any, args: argparse.Namespace, *,
    grouped: bool = True, peft_config: Any = None,
) -> dict[str, float]:  # fmt: skip
    import torch
    from datasets import Dataset
    from transformers import DataCollatorForSeq2Seq
    from trl import SFTConfig  # pyright: ignore

    torch.set_num_threads(1)
    rows = chat.split("train")
    data = Dataset.from_dict(
        {"input_ids": [e.input_ids.tolist() for e in rows], "labels": [e.labels.tolist() for e in rows]}
    )
    marks, pad = Marks(), chat.tokenizer.pad_token_id
    fill = DataCollatorForSeq2Seq(chat.tokenizer, label_pad_token_id=-100)

    def collate(examples: list[dict[str, Any]]) -> Any:
        marks.waiting = sum(len(e["input_ids"]) for e in examples)
        return fill([{k: e[k] for k in ("input_ids", "labels")} for e in examples])

    class Steps(callback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.step(marks.waiting)

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_class(
            model=model,
            processing_class=chat.tokenizer,
            train_dataset=data,
            data_collator=collate,
            callbacks=[Steps()],
            peft_config=peft_config,
            args=SFTConfig(
                output_dir=folder, max_steps=args.steps, per_device_train_batch_size=BATCH, learning_rate=RATE,
                lr_scheduler_type="cosine", warmup_steps=max(1, round(args.steps * 0.05)), weight_decay=0.01,
                optim="adamw_torch_fused", adam_beta2=0.99, bf16=False, gradient_checkpointing=False,
                logging_steps=10, save_strategy="no", report_to="none", use_cpu=True, seed=0, disable_tqdm=True,
                train_sampling_strategy="group_by_length" if grouped else "random", max_length=None,
                dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
            ),
        )  # fmt: skip
        trainer.train()
    assert pad is not None
    losses = [x["loss"] for x in trainer.state.log_history if "loss" in x]
    return marks.result(float(losses[-1]))


ARMS: dict[str, Any] = {
    "ours": ours,
    "ours+widget": lambda args: ours(args, widget=True),
    "trl": trl,
    "trl, random order": lambda args: trl(args, grouped=False),
    "unsloth": unsloth,
}


class Marks:
    """CPU and wall time at the end of each step."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float, int]] = []
        self.waiting = 0

    def step(self, tokens: int) -> None:
        self.at.append((time.process_time(), time.perf_counter(), tokens))

    def result(self, loss: float) -> dict[str, float]:
        (cpu0, wall0, _), (cpu1, wall1, _) = self.at[WARM - 1], self.at[-1]
        tokens = sum(t for _, _, t in self.at[WARM:])
        steps = len(self.at) - WARM
        return {
            "tokens_per_cpu_second": tokens / (cpu1 - cpu0),
            "tokens_per_second": tokens / (wall1 - wall0),
            "cpu_ms_per_step": 1000 * (cpu1 - cpu0) / steps,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "loss": loss,
        }


# -- the same rows for all --------------------------------------------------------------------------------
def _chat(args: argparse.Namespace) -> Any:
    from reasonbook.chat import ChatRow, build
    from reasonbook.data.conversation import Conversation
    from reasonbook.examples import refund_rules, refunds, tiny_student

    frame = refunds(args.rows, seed=0)
    rows = [
        ChatRow(
            i, f"row{i}", "train",
            Conversation(({"role": "user", "content": p}, {"role": "assistant", "content": r})),
            refund_rules(p),
        )
        for i, (p, r) in enumerate(zip(frame["prompt"], frame["response"], strict=True))
    ]  # fmt: skip
    return build(rows, tiny_student())


def _process(name: str, args: argparse.Namespace) -> dict[str, float]:
    command = [
        sys.executable, __file__, "--arm", name, "--steps", str(args.steps), "--rows", str(args.rows),
        "--tuning", args.tuning,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")


def _report(results: dict[str, list[dict[str, float]]], args: argparse.Namespace) -> dict[str, Any]:
    arms = {
        name: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        for name, rounds in results.items()
    }
    others = [a["tokens_per_cpu_second"] for name, a in arms.items() if not name.startswith("ours")]
    fastest = max(others) if others else None
    return {
        "settings": {"steps": args.steps, "rounds": args.rounds, "rows": args.rows, "tuning": args.tuning},
        "arms": arms,
        "ours_to_fastest_other": None if fastest is None else arms["ours"]["tokens_per_cpu_second"] / fastest,
        "widget_to_none": arms["ours+widget"]["cpu_ms_per_step"] / arms["ours"]["cpu_ms_per_step"]
        if "ours+widget" in arms
        else None,
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{'arm':<20} {'tokens/CPU-s':>13} {'tokens/s':>10} {'CPU ms/step':>12} {'peak MiB':>9} {'loss':>7}"
    ]
    lines += [
        f"{name:<20} {a['tokens_per_cpu_second']:>13,.0f} {a['tokens_per_second']:>10,.0f} "
        f"{a['cpu_ms_per_step']:>12.1f} {a['peak_mib']:>9,.0f} {a['loss']:>7.3f}"
        for name, a in report["arms"].items()
    ]
    if report["ours_to_fastest_other"]:
        lines.append(f"ours ÷ fastest other: {report['ours_to_fastest_other']:.3f}")
    if report["widget_to_none"]:
        lines.append(f"CPU per step, widget attached ÷ detached: {report['widget_to_none']:.3f}")
    return "\n".join(lines)


def _line(result: dict[str, float]) -> str:
    return f"{result['tokens_per_cpu_second']:,.0f} tokens/CPU-s, {result['peak_mib']:,.0f} MiB"


def _has(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    main()
