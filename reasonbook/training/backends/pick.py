"""Pick: the backend that trains, by name or by what the machine has."""

from __future__ import annotations

from ...errors import TrainingError, choices
from ..loop.backend import Backend
from ..planning.device import Machine

NAMES = ("unsloth", "peft")


def get_backend(name: str) -> Backend:
    """A backend by name; nothing heavy is imported."""
    if name == "peft":
        from .peft import PeftBackend

        return PeftBackend()
    if name == "unsloth":
        from .unsloth import UnslothBackend

        return UnslothBackend()
    raise TrainingError(f"There is no backend {name!r}.", choices(name, NAMES))


def pick_backend(wanted: str, machine: Machine, *, tuning: str = "auto") -> tuple[str, str]:
    """The backend to use and why.

    Raises:
        TrainingError: the one asked for cannot run here.
    """
    if wanted != "auto":
        reason = get_backend(wanted).unavailable()
        if reason is not None:
            raise TrainingError(
                f"The backend {wanted!r} cannot run here: {reason}", 'TrainConfig(backend="auto")'
            )
        return wanted, "asked for"
    missing = get_backend("unsloth").unavailable()
    if machine.device == "cuda" and missing is None and machine.gpus == 1 and tuning != "full":
        return "unsloth", "one NVIDIA GPU and the unsloth package"
    reason = get_backend("peft").unavailable()
    if reason is not None:
        raise TrainingError(f"Nothing can train here: {reason}", 'pip install "reasonbook[train]"')
    if machine.device != "cuda":
        return "peft", "no NVIDIA GPU: transformers and PEFT train here, small students only"
    if machine.gpus > 1:
        return "peft", f"{machine.gpus} GPUs: plain PyTorch shares the work"
    if tuning == "full":
        return "peft", "all weights of a small student: plain PyTorch is enough"
    return "peft", f"unsloth would be faster: {missing}"
