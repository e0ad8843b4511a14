"""Checkpoints: which one a run may go on from, and which files are never opened."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...errors import TrainingError

if TYPE_CHECKING:
    from ..planning.language_model import LanguageModel

STATE = "trainer_state.json"  # written last, so a checkpoint without it was cut off by a crash
WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model.bin", "adapter_model.bin", "model.pt", "model.bin")


def step_of(folder: Path) -> int:
    """The optimizer step in a checkpoint's name; -1 for anything else."""
    name, _, number = folder.name.rpartition("-")
    return int(number) if name == "checkpoint" and number.isdigit() else -1


def latest(run_folder: Path) -> Path | None:
    """The newest whole checkpoint of a run; broken ones are passed over."""
    for folder in sorted(run_folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if step_of(folder) >= 0 and problem(folder) is None:
            return folder
    return None


def check(folder: Path) -> Path:
    """The folder itself, when a run can go on from it.

    Raises:
        TrainingError: it is cut off, foreign, or holds pickled weights.
    """
    why = problem(folder)
    if why is not None:
        raise TrainingError(
            f"The checkpoint {str(folder)!r} cannot be used: {why}",
            "rb.Run.load(id).resume() takes the newest whole checkpoint of a run by itself",
        )
    return folder


def problem(folder: Path) -> str | None:
    """What is wrong with a checkpoint, in words; nothing in it is executed."""
    if not folder.is_dir():
        return "there is no such folder."
    pickled = [name for name in _PICKLED if (folder / name).exists()]
    weights = [name for name in WEIGHTS if (folder / name).is_file()]
    if pickled and not weights:
        return (
            f"its weights are a pickle ({pickled[0]}), which could run any code; only safetensors are read."
        )
    if not weights:
        return "it holds no model weights (*.safetensors)."
    try:
        state = json.loads((folder / STATE).read_text())
        int(state["global_step"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{STATE} is missing or broken, so the save was cut off or it is not one of ours."
    for name in weights:
        why = _unreadable(folder / name)
        if why is not None:
            return why
    for name in ("optimizer.pt", "scheduler.pt"):
        if not (folder / name).is_file():
            return f"{name} is missing, so the optimizer could not go on where it was."
        if not _holds_tensors(folder / name):
            return f"{name} is damaged, or holds more than tensors and numbers; it was not executed."
    return None


def _holds_tensors(path: Path) -> bool:
    """Whether torch's restricted reader takes a file; tensors stay on the disk meanwhile."""
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # broken zip, broken or hostile pickle: each has an error type of its own
        return False
    return True


def check_weights(folder: Path, model: LanguageModel) -> None:
    """Refuses a checkpoint whose weights are not those of this model.

    Raises:
        TrainingError: a weight has another shape, or one that is to be trained is not there.
    """
    held = _shapes(folder)
    wanted = {_plain(name): tuple(p.shape) for name, p in model.named_parameters() if p.requires_grad}
    for name, shape in wanted.items():
        if held.get(name) != shape:
            found = "is missing" if name not in held else f"has the shape {held[name]}, here it is {shape}"
            raise TrainingError(
                f"The checkpoint {folder.name} belongs to another student or adapter: {name} {found}.",
                f"move {str(folder)!r} away, then run.resume() takes the one before",
            )


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    for path in folder.glob("*.safetensors"):
        with cast(Any, safe_open)(str(path), framework="np") as file:
            for name in file.keys():
                shapes[_plain(name)] = tuple(file.get_slice(name).get_shape())
    return shapes


def _plain(name: str) -> str:
    """A weight's name without what PEFT and torch put into it while they run."""
    return name.replace(".default.", ".").replace("_orig_mod.", "").removeprefix("module.")


def _unreadable(path: Path) -> str | None:
    if path.suffix != ".safetensors":
        return None
    from safetensors import safe_open

    try:
        with cast(Any, safe_open)(str(path), framework="np") as file:
            if not list(file.keys()):
                return f"{path.name} is empty."
    except Exception as error:  # the reader's own error type is not public in every version
        return f"{path.name} is damaged ({str(error).splitlines()[0]})."
    return None


def disk_full(error: BaseException) -> bool:
    """Whether a failed save means that the disk is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        text = str(seen)
        if "No space left" in text or "os error 28" in text or "Disk quota" in text:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def drop(folder: Path) -> None:
    """Removes a checkpoint that was not finished."""
    shutil.rmtree(folder, ignore_errors=True)
