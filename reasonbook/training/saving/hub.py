"""Hub: the student on the Hugging Face Hub, with a model card that says what it is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import TrainingError
from ..runs import run_card
from .adapter import Saved, adapter, size

if TYPE_CHECKING:
    from ..runs.trained import TrainedStudent


def hub(student: TrainedStudent, path: str | Path, *, merged: bool = False, private: bool = True) -> Saved:
    """Pushes to ``owner/name``; private unless you say otherwise. The token is the Hub client's own.

    Args:
        student: what is saved.
        path: ``owner/name``.
        merged: push whole weights in 16 bit instead of the adapter.
        private: whether the repository is private.

    Raises:
        TrainingError: the name is no repository, or the Hub refused.
    """
    name = str(path)
    if name.count("/") != 1 or not all(name.split("/")):
        raise TrainingError(f"{name!r} is not a repository's name.", 'run.save("owner/name", format="hub")')
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "student"
        if merged:
            from .merged import merged as write

            write(student, folder)
        else:
            adapter(student, folder)
        (folder / "README.md").write_text(model_card(student, name), encoding="utf-8")
        _without_places(folder)
        try:
            api = HfApi()
            api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=str(folder), commit_message="Trained with reasonbook")
        except Exception as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise TrainingError(
                f"The Hub refused {name!r}: {first}",
                "huggingface-cli login   (a token that may write), then again",
            ) from error
        written = size(folder)
    what = "private" if private else "public"
    return Saved(f"https://huggingface.co/{name}", "hub", written, f"The repository is {what}.", "")


def model_card(student: TrainedStudent, name: str) -> str:
    """The README of the repository: what was trained, on what, and how it did."""
    plan, card = student.plan, student.card.read()
    base = plan.student if "/" in plan.student and not Path(plan.student).exists() else ""
    library = "peft" if plan.tuning != "full" else "transformers"
    head = [f"library_name: {library}", "tags: [reasonbook, reasoning]"] + (
        [f"base_model: {base}"] if base else []
    )
    lines = [
        "---", *head, "---", "", f"# {name.split('/')[-1]}", "",
        f"`{Path(plan.student).name}` fine-tuned with reasonbook: "
        f"{plan.tuning} tuning, strategy `{student.strategy}`, {student.step} steps of {plan.batch_size} rows, "
        f"{plan.rows} training examples, learning rate {plan.learning_rate:g}, seed {plan.seed}.", "",
    ]  # fmt: skip
    results: dict[str, Any] = card.get("results", {})
    if results:
        lines += [
            "| split | rows | measure | share | 95 % interval | tokens per answer |",
            "|---|---|---|---|---|---|",
        ]
        for split, r in results.items():
            lines.append(
                f"| {split} | {r['rows']} | {r['measure']} | {r['share']:.1%} | {r['low']:.1%} – {r['high']:.1%} "
                f"| {r['tokens']:.1f} |"
            )
        lines.append("")
    lines += [
        "The chat template makes the trained prompts by default:", "", "```python",
        "tokenizer.apply_chat_template(messages, add_generation_prompt=True)", "```", "",
        *(f"- {note}" for note in student.format.serving_notes), "",
        "`card.json` holds data hash, settings, versions and curves.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _without_places(folder: Path) -> None:
    """Takes this machine's folders out of what is published."""
    card = run_card.read(folder)
    student = card.get("student", "")
    if Path(student).exists():
        for part in (card, card.get("plan", {}), card.get("format", {})):
            if part.get("student") == student:
                part["student"] = Path(student).name
        config = folder / "adapter_config.json"
        if config.is_file():
            import json

            values = json.loads(config.read_text())
            values["base_model_name_or_path"] = Path(student).name
            config.write_text(json.dumps(values, indent=2))
    run_card.write(folder, card)
