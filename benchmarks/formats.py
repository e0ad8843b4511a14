"""Rows/s of rendering, tokenising and masking, beside the bare pipeline, TRL, InstructLab and Unsloth.

    python -m benchmarks.formats                     the table (20 000 rows, three rounds; some minutes)
    python -m benchmarks.formats --rows 5000         a smaller one
    python -m benchmarks.formats --arms bare ours    some arms only
    python -m benchmarks.formats --system 2000       every row behind the same system prompt of so many characters
    python -m benchmarks.formats --memory 1000000    memory over a stream of that many rows

Every arm is a process of its own that gets the same rows, the same tokenizer (a small BPE) and the template of
Qwen3 as installed trl ships it; rounds alternate between the arms. ``bare`` renders each conversation once and
encodes all texts in one call: no masks, no offsets. ``bare (transformers)`` does the same through
`apply_chat_template` and the tokenizer's own call. What is not installed is left out with a word. CPU is user +
system of the arm; on a busy machine trust it, and the ratios, before the rows/s.

InstructLab asks for packages that quarrel with the project's own, so it may stand in an environment of its own beside
them: ``python -m venv peers``, ``peers/bin/pip install --no-deps instructlab-training aiofiles``, a ``.pth`` file in
there that names this environment's site-packages for the rest, then ``--peers peers/bin/python``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

ARMS: dict[str, str] = {
    "bare": "bare",
    "bare_transformers": "bare (transformers)",
    "ours": "reasonbook",
    "ours_fields": "reasonbook, from fields",
    "trl": "TRL SFTTrainer preparation",
    "instructlab": "InstructLab, one process",
    "instructlab_workers": "InstructLab, default workers",
    "unsloth": "Unsloth train_on_responses_only",
}
ROUNDS = 3
PEERS = ("instructlab", "instructlab_workers")  # arms that ``--peers`` runs
SYSTEM = (
    "You settle refunds for a shop. A lamp is worth what was paid for it, less the fee for its return. " * 500
)
SHARED = int(os.environ.get("BENCHMARK_SYSTEM", "0"))  # characters of it that every row begins with


def conversations(count: int) -> Iterator[dict[str, Any]]:
    """Refund requests with their reasoning fields; every row differs."""
    from reasonbook.examples import refund_rules, refunds

    frame = refunds(min(count, 2000), seed=5)
    fields = [refund_rules(prompt) for prompt in frame["prompt"]]
    texts = list(zip(frame["prompt"], frame["response"], fields, strict=True))
    for i in range(count):
        prompt, response, values = texts[i % len(texts)]
        prompt = prompt if i < len(texts) else f"{prompt} (case {i})"
        yield {"prompt": prompt, "response": response, "fields": values}


def messages(row: dict[str, Any]) -> list[dict[str, str]]:
    from reasonbook.chat import thought

    return [
        *([{"role": "system", "content": SYSTEM[:SHARED].strip()}] if SHARED else []),
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["response"], "reasoning_content": thought(row["fields"]).text},
    ]


def make_student(folder: Path) -> None:
    """The tiny student with Qwen3's template as trl ships it."""
    import importlib.util

    from reasonbook.examples import tiny_student

    tiny_student(folder)
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        raise SystemExit("The benchmark takes Qwen3's template from trl: pip install trl")
    source = Path(spec.origin).parent / "chat_templates" / "qwen3.jinja"
    (folder / "chat_template.jinja").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


# -- arms: each gives a function that does all the rows once and returns the number of rows done --------------
def bare(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    from transformers import AutoTokenizer

    from reasonbook.chat.template.template import Template

    tokenizer = AutoTokenizer.from_pretrained(student)
    template = Template(tokenizer)
    chats = [messages(row) for row in rows]

    def run() -> int:
        texts = [template.render(chat, generation=False, kwargs={}) for chat in chats]
        encodings = tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return len([encoding.ids for encoding in encodings])

    return run


def bare_transformers(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student)
    chats = [messages(row) for row in rows]

    def run() -> int:
        texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
        return len(tokenizer(texts, add_special_tokens=False)["input_ids"])

    return run


def _chat_rows(rows: list[dict[str, Any]], fields: bool) -> list[Any]:
    from reasonbook.chat import ChatRow
    from reasonbook.data.conversation import Conversation

    made = []
    for i, row in enumerate(rows):
        *request, reply = messages(row)
        reasoning = row["fields"] if fields else reply.pop("reasoning_content")
        reply = {"role": "assistant", "content": row["response"]}
        made.append(ChatRow(i, str(i), "train", Conversation((*request, reply)), reasoning))
    return made


def ours(rows: list[dict[str, Any]], student: str, fields: bool = False) -> Callable[[], int]:
    from transformers import AutoTokenizer

    from reasonbook.chat import build

    given = _chat_rows(rows, fields)
    tokenizer = AutoTokenizer.from_pretrained(student)

    def run() -> int:
        chat = build(given, tokenizer)
        chat.check()
        return len(chat)

    return run


def ours_fields(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    return ours(rows, student, fields=True)


def trl(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    import datasets
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    datasets.disable_caching()
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(student)
    chats = [messages(row) for row in rows]
    given = [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats]
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(output_dir=folder, report_to="none", bf16=False, max_length=4096, use_cpu=True)
        trainer = SFTTrainer(
            model=student,
            args=args,
            processing_class=tokenizer,
            train_dataset=datasets.Dataset.from_list(given[:4]),
        )

    def run() -> int:
        data = datasets.Dataset.from_list(given)
        return len(trainer._prepare_dataset(data, tokenizer, args, False, None, "train"))

    return run


def instructlab(rows: list[dict[str, Any]], student: str, workers: int = 1) -> Callable[[], int]:
    import datasets
    from instructlab.training import data_process
    from transformers import AutoTokenizer

    datasets.disable_caching()
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(student)
    marks = [getattr(data_process, name) for name in dir(data_process) if name.startswith("UNMASK_")]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    given = [{"messages": messages(row), "unmask": False} for row in rows]

    def run() -> int:
        data = datasets.Dataset.from_list(given)
        return len(data_process.process_samples(data, tokenizer, workers))

    return run


def instructlab_workers(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    from instructlab.training.config import DataProcessArgs

    return instructlab(rows, student, DataProcessArgs.model_fields["num_cpu_procs"].default)


def unsloth(rows: list[dict[str, Any]], student: str) -> Callable[[], int]:
    import unsloth  # noqa: F401  patches what comes after it
    import datasets  # isort: skip
    from transformers import AutoTokenizer
    from unsloth_zoo.dataset_utils import train_on_responses_only

    datasets.disable_caching()
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(student)
    given = [{"messages": messages(row)} for row in rows]
    mask = train_on_responses_only(
        None,
        instruction_part="<|im_start|>user\n",
        response_part="<|im_start|>assistant\n",
        tokenizer=tokenizer,
        return_function=True,
    )

    def texts(batch: dict[str, Any]) -> dict[str, Any]:
        return {"text": [tokenizer.apply_chat_template(chat, tokenize=False) for chat in batch["messages"]]}

    def run() -> int:
        data = datasets.Dataset.from_list(given).map(texts, batched=True)
        data = data.map(lambda batch: tokenizer(batch["text"], add_special_tokens=False), batched=True)
        return len(data.map(mask, batched=True))

    return run


# -- the run -------------------------------------------------------------------------------------------------
def serve(arm: str, count: int, student: str) -> None:
    """An arm's process: one line of JSON when it is ready, then one per round."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a package prints is no answer
    try:
        run = globals()[arm](list(conversations(count)), student)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers, flush=True)
        return
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        before, began = _cpu(), time.perf_counter()
        done = run()
        wall = time.perf_counter() - began
        print(json.dumps({"rows": done, "wall": wall, "cpu": _cpu() - before}), file=answers, flush=True)


def _cpu() -> float:
    mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def compare(arms: list[str], count: int, rounds: int, peers: str) -> dict[str, list[dict[str, float]]]:
    """Wall and CPU seconds of every arm in every round."""
    with tempfile.TemporaryDirectory() as home:
        student = Path(home) / "student"
        make_student(student)
        servers, figures = {}, {}
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "REASONBOOK_HOME": home, "WANDB_MODE": "disabled"}
        for arm in arms:
            command = [peers if arm in PEERS else sys.executable, "-m", "benchmarks.formats", "--serve", arm]
            command += ["--rows", str(count), "--student", str(student)]
            server = subprocess.Popen(
                command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True, env=environment,
            )  # fmt: skip
            word = json.loads(server.stdout.readline() or "{}")  # type: ignore[union-attr]
            if word.get("ready"):
                servers[arm], figures[arm] = server, []
            else:
                print(f"{ARMS[arm]}: left out, {word.get('missing', 'it did not start')}", flush=True)
        for _ in range(rounds):
            for arm, server in servers.items():
                server.stdin.write("go\n")
                server.stdin.flush()
                answer = server.stdout.readline()
                if not answer:
                    print(f"{ARMS[arm]}: stopped", flush=True)
                    continue
                figures[arm].append(json.loads(answer))
                one = figures[arm][-1]
                print(f"  {ARMS[arm]}: {one['rows'] / one['wall']:.0f} rows/s", file=sys.stderr, flush=True)
        for server in servers.values():
            server.stdin.close()
            server.wait()
    return figures


def table(figures: dict[str, list[dict[str, float]]]) -> str:
    """Best and median rows/s, CPU and the ratio to the bare pipeline."""

    def rate(arm: str) -> float:
        return median(each["rows"] / each["wall"] for each in figures[arm])

    lines = [f"{'':34}{'rows/s':>9}{'best':>9}{'CPU µs/row':>12}{'x bare':>8}"]
    for arm, each in figures.items():
        if not each:
            continue
        best = max(one["rows"] / one["wall"] for one in each)
        cpu = min(one["cpu"] / one["rows"] for one in each) * 1e6
        ratio = f"{rate(arm) / rate('bare'):8.2f}" if figures.get("bare") else ""
        lines.append(f"{ARMS[arm]:34}{rate(arm):9.0f}{best:9.0f}{cpu:12.0f}{ratio}")
    return "\n".join(lines)


def memory(count: int) -> None:
    """Memory that is the process's own (no mapped files) while a stream of rows goes by."""
    from reasonbook.chat import ChatRow, build
    from reasonbook.data.conversation import Conversation

    with tempfile.TemporaryDirectory() as home:
        student = Path(home) / "student"
        make_student(student)

        def stream() -> Iterator[ChatRow]:
            for i, row in enumerate(conversations(count)):
                request = {"role": "user", "content": row["prompt"]}
                reply = {"role": "assistant", "content": row["response"]}
                if i % max(1, count // 10) == 0:
                    print(f"{i:>10} rows  {_own_memory():7.0f} MiB", flush=True)
                yield ChatRow(i, str(i), "train", Conversation((request, reply)), row["fields"])

        began = time.perf_counter()
        chat = build(stream(), student)
        print(
            f"{len(chat):>10} rows  {_own_memory():7.0f} MiB   {time.perf_counter() - began:.0f} s   {chat.report!r}"
        )
        print(f"tokens: {chat.lengths.sum():,}; a row read back: {chat[len(chat) // 2].position}")


def _own_memory() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--system", type=int, default=0)
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--serve", choices=list(ARMS))
    parser.add_argument("--student")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.rows, options.student)
    elif options.memory:
        memory(options.memory)
    else:
        os.environ["BENCHMARK_SYSTEM"] = str(options.system)
        print(table(compare(options.arms, options.rows, options.rounds, options.peers)))


if __name__ == "__main__":
    main()
