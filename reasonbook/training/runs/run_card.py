"""Run card: one JSON file that says what was trained, on what, how, and what came out."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...data.reasoning_origin import Origin
from ...errors import TrainingError
from ..planning.device import version_of
from .data import RunData, hashes

if TYPE_CHECKING:
    from ...chat import ChatFormat
    from ...data.sources.mixture import Mixture
    from ..planning.config import TrainConfig
    from ..planning.plan import Plan

NAME = "card.json"
VERSION = 1
PACKAGES = (
    "reasonbook", "torch", "transformers", "peft", "accelerate", "tokenizers", "bitsandbytes", "unsloth",
    "unsloth_zoo", "trl", "datasets", "numpy", "pandas",
)  # fmt: skip


def begin(
    *,
    run: str,
    name: str,
    plan: Plan,
    config: TrainConfig,
    form: ChatFormat,
    data: RunData,
    score: str,
    device: str,
    origin: Origin,
    from_card: str | None = None,
) -> dict[str, Any]:
    """The card of a run before its first step.

    Args:
        score: name of the rule by which sampled answers are graded.
        device: the machine in one line.
        origin: where the reasoning is from; its parts stand in the card by their own names.
        from_card: id of the run whose card is trained again.
    """
    return {
        "card": VERSION,
        "run": run,
        "name": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "student": plan.student,
        "strategy": form.strategy,
        **origin.to_dict(),
        "config": config.to_dict(),
        "plan": plan.to_dict(),
        "format": {**form.to_dict(), "student": plan.student},
        "data": {
            "fingerprint": data.fingerprint,
            **(data.account.account if data.account is not None else {}),
            "train_examples": len(data.train),
            "validation_examples": len(data.validation or ()),
            "tasks": {s: len(data.of(s)) for s in ("train", "validation", "test")},
            **hashes(data),
        },
        **({} if data.mixture is None else _mixed(data.mixture, plan)),
        **({} if data.loop is None else {"closed_loop": data.loop}),
        "seed": plan.seed,
        "packages": {name: v for name in PACKAGES if (v := version_of(name))},
        "python": platform.python_version(),
        "device": device,
        "score": score,
        "status": "RUNNING",
        "curves": {},
        "results": {},
        **({} if from_card is None else {"from_card": from_card}),
    }


def _mixed(mixture: Mixture, plan: Plan) -> dict[str, Any]:
    """The sources of a mixture, each with its share of what is learnt and how often it comes whole in all."""
    told, shares = mixture.to_dict(), mixture.shares
    sources = [
        source | {"share": shares[source["name"]], "epochs": round(plan.epochs * source["passes"], 3)}
        for source in told.pop("sources")
    ]
    return {"sources": sources, "mixture": told}


def write(folder: Path, card: dict[str, Any]) -> Path:
    """Writes the card so that a reader sees the old one or the new one, never half of one."""
    path = folder / NAME
    scratch = folder / f".{NAME}.{os.getpid()}"
    scratch.write_text(json.dumps(_plain(card), ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(scratch, path)
    return path


def read(path: str | Path) -> dict[str, Any]:
    """A card from its file, or from the folder that holds it.

    Raises:
        TrainingError: there is none, or it is not one of ours.
    """
    path = Path(path).expanduser()
    file = path / NAME if path.is_dir() else path
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
        if card["card"] > VERSION:
            raise TrainingError(
                f"{str(file)!r} was written by a newer reasonbook (card {card['card']}).",
                "pip install -U reasonbook",
            )
        return card
    except OSError as error:
        raise TrainingError(
            f"There is no run card at {str(file)!r}.", "rb.Run.load(run.id)   or the path of a saved run"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{str(file)!r} is not a run card.", "run.card_path names a run's own") from error


class RunCard:
    """The card of one run: in memory, and as its file.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._card: dict[str, Any] | None = None

    @property
    def there(self) -> bool:
        """Whether there is a card yet."""
        return self._card is not None or self.path.is_file()

    def begin(self, card: dict[str, Any]) -> None:
        """Takes a card over, without writing it."""
        self._card = card

    def read(self) -> dict[str, Any]:
        """The card's contents.

        Raises:
            TrainingError: there is none.
        """
        if self._card is None:
            self._card = read(self.path)
        return self._card

    def write(self, **changes: Any) -> None:
        """Changes entries and writes the file."""
        self.read().update(changes)
        write(self.path.parent, self.read())

    def add_results(self, **results: Any) -> None:
        """Adds results, such as evaluations; a disk that cannot be written does not stop one."""
        with contextlib.suppress(OSError):
            self.write(results={**self.read().get("results", {}), **results})


def _plain(value: object) -> object:
    """JSON-ready; numbers that JSON has no word for become null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in cast("dict[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in cast("Sequence[object]", value)]
    if hasattr(value, "tolist"):  # of numpy, of torch
        return _plain(cast(Any, value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
