"""QLoRA on a GPU: ours, plain Unsloth and plain PEFT on random-weight Qwen3 students; and the refund proof at scale.

    python benchmarks/gpu/run.py --out $OUT            on a machine with a GPU; no network is used
    python benchmarks/gpu/run.py --dry --out folder    the same code on a CPU with tiny students

Students are made from configs, so nothing is downloaded. Each arm is a process of its own; arms take turns.
What the machine needs beside torch, transformers and peft stands in README.md. Writes results.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

SHAPES: dict[str, dict[str, Any]] = {
    "0.6B": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
             "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936},
    "4B": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936},
    "dry": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 512},
}  # fmt: skip
ARMS = ("ours (unsloth)", "plain unsloth", "ours (peft)", "plain peft")
WARM = 3
RATE, RANK = 2e-4, 16
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default=os.environ.get("OUT", "build/gpu"))
    parser.add_argument("--dry", action="store_true", help="tiny students on the CPU")
    parser.add_argument("--sizes", nargs="*", default=["0.6B", "4B"])
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--no-proof", action="store_true")
    parser.add_argument("--proof-steps", type=int, default=6000)
    parser.add_argument("--arm", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.dry:
        args.sizes, args.rounds, args.steps, args.batch, args.length = ["dry"], 1, 6, 4, 32
        args.proof_steps = 6
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.arm == "proof":
        print("RESULT " + json.dumps(proof(args, out)))
        return
    if args.arm:
        print("RESULT " + json.dumps(arm(args.arm, args.sizes[0], args, out)))
        return
    results: dict[str, Any] = {"device": _device(args), "speed": {}, "proof": None}
    for size in args.sizes:
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in args.arms}
        for _ in range(args.rounds):
            for name in args.arms:
                rows[name].append(_process(name, size, args))
                print(f"{size:<5} {name:<16} {_line(rows[name][-1])}", flush=True)
                results["speed"][size] = {n: _best(r) for n, r in rows.items() if r}
                _write(out, results)
    if not args.no_proof:
        results["proof"] = _process("proof", args.sizes[0], args)
        print(f"proof {results['proof']}", flush=True)
    _write(out, results)


# -- one arm ---------------------------------------------------------------------------------------------
def arm(name: str, size: str, args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Speed and memory of one way to train one student."""
    if "unsloth" in name:
        import unsloth  # noqa: F401  its own notebooks import it first
    import torch

    gpu = torch.cuda.is_available() and not args.dry
    student = make_student(size, out)
    data = examples(args, SHAPES[size]["vocab_size"])
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    train = _ours if name.startswith("ours") else _plain_unsloth if "unsloth" in name else _plain_peft
    marks, losses = train(student, data, name, args, gpu)
    steps = marks[WARM:]
    seconds = steps[-1][0] - marks[WARM - 1][0]
    peak = torch.cuda.max_memory_allocated() / 2**30 if gpu else None
    return {
        "tokens_per_second": sum(t for _, t in steps) / seconds,
        "ms_per_step": 1000 * seconds / len(steps),
        "peak_gib": peak,
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }


def make_student(size: str, out: Path) -> str:
    """A Qwen3 of random weights in bfloat16, made once."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = out / "students" / size
    if not (folder / "config.json").exists():
        torch.manual_seed(0)
        device = "cuda" if torch.cuda.is_available() and size != "dry" else "cpu"
        config = Qwen3Config(**SHAPES[size], tie_word_embeddings=True, max_position_embeddings=4096)
        with torch.device(device):
            model = Qwen3ForCausalLM(config).to(torch.bfloat16)
        model.save_pretrained(folder)
        _save_tokenizer(folder, SHAPES[size]["vocab_size"])
    return str(folder)


def _save_tokenizer(folder: Path, size: int) -> None:
    """Unsloth wants a tokenizer beside the weights; the rows are ids already, so any will do."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(min(size, 512) - 2)} | {
        "<pad>": min(size, 512) - 2,
        "<eos>": min(size, 512) - 1,
    }
    made = Tokenizer(models.WordLevel(words, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<eos>", pad_token="<pad>", unk_token="w0"
    ).save_pretrained(folder)


def examples(args: argparse.Namespace, vocabulary: int) -> Any:
    """Rows that count upwards: learnable ids of one length, a third of each a masked prompt."""
    from reasonbook.training.loop.batches import Examples

    rng = np.random.default_rng(0)
    ids, labels = [], []
    for _ in range(args.batch * args.steps):
        row = ((rng.integers(0, 400) + np.arange(args.length)) % min(500, vocabulary)).astype(np.int32)
        target = row.copy()
        target[: args.length // 3] = -100
        ids.append(row)
        labels.append(target)
    return Examples(ids, labels, list(range(len(ids))))


def _ours(student: str, data: Any, name: str, args: argparse.Namespace, gpu: bool) -> Any:
    from reasonbook.training import planner
    from reasonbook.training.backends.pick import get_backend
    from reasonbook.training.loop.backend import FitTask
    from reasonbook.training.loop.control import Control
    from reasonbook.training.planning import device
    from reasonbook.training.planning import student as students
    from reasonbook.training.planning.config import TrainConfig
    from reasonbook.training.run_events import RunEvent, StepEvent

    backend = get_backend("unsloth" if "unsloth" in name else "peft")
    decided = planner.decide(
        data,
        TrainConfig(
            backend=backend.name, tuning="qlora", max_steps=args.steps, batch_size=args.batch,
            micro_batch_size=args.batch, learning_rate=RATE, rank=RANK, alpha=2 * RANK, target_modules=tuple(LINEAR),
            gradient_checkpointing=gpu, samples=0, eval_every=10**6, checkpoint_seconds=10**6,
        ),
        student=students.look_up(student),
        machine=device.look(),
    )  # fmt: skip
    marks: list[tuple[float, int]] = []
    losses: list[float] = []

    def emit(event: RunEvent) -> None:
        if isinstance(event, StepEvent):
            marks.append((time.perf_counter(), int(event.tokens)))
            losses.append(event.loss)

    model = backend.load(decided)
    folder = Path(student).parent / f"run-{os.getpid()}"
    backend.fit(model, FitTask(data, None, decided, folder, pad_id=0), emit, Control())
    return marks, losses


def _plain_unsloth(student: str, data: Any, name: str, args: argparse.Namespace, gpu: bool) -> Any:
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(student, max_seq_length=args.length, load_in_4bit=True)
    model = FastLanguageModel.get_peft_model(
        model, r=RANK, lora_alpha=2 * RANK, lora_dropout=0, target_modules=LINEAR,
        use_gradient_checkpointing="unsloth" if gpu else False, random_state=0,
    )  # fmt: skip
    return _trainer(model, data, args, gpu)


def _plain_peft(student: str, data: Any, name: str, args: argparse.Namespace, gpu: bool) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    kind = torch.bfloat16 if gpu else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        student,
        dtype=kind,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=gpu,
            bnb_4bit_compute_dtype=kind,
        ),
        device_map={"": "cuda" if gpu else "cpu"},
    )
    model = prepare_model_for_kbit_training(
        model, use_gradient_checkpointing=gpu, gradient_checkpointing_kwargs={"use_reentrant": False}
    )
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=LINEAR, task_type="CAUSAL_LM")
    return _trainer(get_peft_model(model, config), data, args, gpu)


def _trainer(model: Any, data: Any, args: argparse.Namespace, gpu: bool) -> Any:
    """The transformers Trainer as it comes, the same rows and settings."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    marks: list[tuple[float, int]] = []

    class Steps(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if gpu:
                torch.cuda.synchronize()
            marks.append((time.perf_counter(), args.batch * args.length))

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "input_ids": torch.tensor(np.stack([r["input_ids"] for r in rows]), dtype=torch.long),
            "attention_mask": torch.ones(len(rows), args.length, dtype=torch.long),
            "labels": torch.tensor(np.stack([r["labels"] for r in rows]), dtype=torch.long),
        }

    bf16 = gpu and torch.cuda.is_bf16_supported()
    trainer = Trainer(
        model=model,
        train_dataset=data,
        data_collator=collate,
        callbacks=[Steps()],
        args=TrainingArguments(
            output_dir=str(Path(args.out) / "plain"), max_steps=args.steps, per_device_train_batch_size=args.batch,
            learning_rate=RATE, lr_scheduler_type="cosine", warmup_steps=1, weight_decay=0.01,
            optim="adamw_torch_fused", adam_beta2=0.99, bf16=bf16, fp16=gpu and not bf16, logging_steps=1,
            save_strategy="no", report_to="none", use_cpu=not gpu, disable_tqdm=True, remove_unused_columns=False,
        ),
    )  # fmt: skip
    trainer.train()
    return marks, [x["loss"] for x in trainer.state.log_history if "loss" in x]


# -- the proof at scale ----------------------------------------------------------------------------------
def proof(args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Answers only against reasoning first: random weights, more rows and more compute than a CPU allows."""
    os.environ["REASONBOOK_HOME"] = str(out / "proof")
    import reasonbook as rb

    df = rb.examples.refunds(120 if args.dry else 20_000)
    df.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    df.reason.split(test=0.2 if args.dry else 0.05, validation=0.05)
    student = rb.examples.tiny_student(out / "proof" / "student")
    settings: dict[str, Any] = {"max_steps": args.proof_steps, "samples": 2, "batch_size": 16}
    runs, seconds = [], []
    for strategy in ("final_only", "final_and_reasoning"):
        began = time.perf_counter()
        runs.append(df.reason.train(student, strategy=strategy, **settings).wait())
        seconds.append(round(time.perf_counter() - began, 1))
    table = rb.compare(runs, split="test")
    (out / "comparison.txt").write_text(str(table))
    return {
        "rows": table.scores[0].rows,
        "steps": args.proof_steps,
        "seconds": seconds,
        "shares": {s.label: [s.share, s.low, s.high] for s in table.scores},
    }


# -- around ----------------------------------------------------------------------------------------------
def _process(name: str, size: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [
        sys.executable, __file__, "--arm", name, "--sizes", size, "--out", args.out, "--steps", str(args.steps),
        "--batch", str(args.batch), "--length", str(args.length), "--proof-steps", str(args.proof_steps),
    ] + (["--dry"] if args.dry else [])  # fmt: skip
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    if args.dry:
        quiet["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, env={**os.environ, **quiet}, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1], "log": done.stderr[-2000:]}


def _best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    good = [r for r in rounds if "failed" not in r]
    if not good:
        return rounds[-1]
    good.sort(key=lambda r: r["tokens_per_second"])
    return good[math.ceil(len(good) / 2) - 1] | {"rounds": [round(r["tokens_per_second"], 1) for r in good]}


def _device(args: argparse.Namespace) -> str:
    import torch

    if torch.cuda.is_available() and not args.dry:
        return f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}"
    return f"CPU (dry run), torch {torch.__version__}"


def _line(result: dict[str, Any]) -> str:
    if "failed" in result:
        return f"failed: {result['failed']}"
    peak = "" if result["peak_gib"] is None else f"{result['peak_gib']:.2f} GiB peak, "
    losses = f"loss {result['first_loss']:.2f} → {result['last_loss']:.2f}"
    return f"{result['tokens_per_second']:,.0f} tokens/s, {peak}{losses}"


def _write(out: Path, results: dict[str, Any]) -> None:
    (out / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
