"""Environment: what this machine can do, what is missing, the line that mends it (`rb.doctor`)."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass

from ._version import __version__
from .errors import ReasonbookError
from .html_card import card, table
from .store import home

_MARKS = {"ok": "✓", "missing": "–", "problem": "✗"}
_GIB = 1 << 30
_LOW_DISK = 2 * _GIB

# package → what it is for, the extra that brings it
_PACKAGES: tuple[tuple[str, str, str], ...] = (
    ("torch", "training", "train"),
    ("transformers", "training", "train"),
    ("peft", "adapters", "train"),
    ("accelerate", "training", "train"),
    ("bitsandbytes", "4-bit weights (QLoRA)", "unsloth"),
    ("unsloth", "fast training on one NVIDIA GPU", "unsloth"),
    ("xllamacpp", "GGUF teachers, trying exports", "llamacpp"),
    ("gguf", "saving as GGUF", "llamacpp"),
)


@dataclass(frozen=True)
class Diagnosis:
    """One part of this machine, and what is wrong with it.

    Attributes:
        what: the thing.
        state: ``ok``, ``missing`` (an option that is not there) or ``problem``.
        found: what was seen.
        fix: what to type; empty when all is well.
    """

    what: str
    state: str
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Doctor:
    """Everything that was found.

    Attributes:
        backend: what `rb.train` would use here; empty where nothing can train.
        diagnoses: one for each part that was looked at.
    """

    backend: str
    diagnoses: tuple[Diagnosis, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is in the way of a training."""
        return bool(self.backend) and all(d.state != "problem" for d in self.diagnoses)

    def __getitem__(self, what: str) -> Diagnosis:
        return next(d for d in self.diagnoses if d.what == what)

    def __repr__(self) -> str:
        return (
            f"Doctor(backend={self.backend!r}, problems={sum(d.state == 'problem' for d in self.diagnoses)})"
        )

    def __str__(self) -> str:
        width = max(len(d.what) for d in self.diagnoses)
        lines = [f"{_MARKS[d.state]} {d.what.ljust(width)}  {d.found}" for d in self.diagnoses]
        fixes = [f"  {d.what}: {d.fix}" for d in self.diagnoses if d.fix]
        return "\n".join([*lines, *(["", "to add:", *fixes] if fixes else [])])

    def _repr_html_(self) -> str:
        rows = [(_MARKS[d.state], d.what, d.found, d.fix) for d in self.diagnoses]
        return card(
            "This machine",
            {
                "backend": self.backend or "none",
                "problems": sum(d.state == "problem" for d in self.diagnoses),
            },
            body=table(("", "what", "found", "to type"), rows),
            next_verb="df.reason.train(rb.examples.tiny_student())" if self.ok else "",
        )


def doctor() -> Doctor:
    """Looks at machine, packages, keys (their names, never their values) and disk; sends nothing anywhere.

    Example:
        >>> rb.doctor()["Python"].state
        'ok'
    """
    backend, found = _backend()
    diagnoses = [
        Diagnosis("reasonbook", "ok", __version__),
        Diagnosis("Python", "ok", f"{platform.python_version()}, {platform.system()} {platform.machine()}"),
        *_device(),
        found,
        _four_bit(),
        *_packages(),
        *_keys(),
        _disk(),
    ]
    return Doctor(backend, tuple(diagnoses))


def _device() -> list[Diagnosis]:
    from .training.planning import device

    try:
        seen = device.look()
    except ReasonbookError:
        free, total = device.memory()
        return [
            Diagnosis(
                "device", "ok", f"{device.cores()} cores, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
            )
        ]
    found = [Diagnosis("device", "ok", seen.line)]
    if seen.device == "cpu" and shutil.which("nvidia-smi"):
        found.append(
            Diagnosis(
                "GPU",
                "problem",
                "an NVIDIA driver is here, but this torch was built without CUDA or sees no GPU",
                "pip install torch --index-url https://download.pytorch.org/whl/cu130   (then restart the kernel)",
            )
        )
    elif seen.device == "cpu":
        found.append(
            Diagnosis("GPU", "missing", "none: students of some million parameters train here, not billions")
        )
    speed = (
        "in hardware"
        if seen.bf16
        else "emulated, so float32 is used"
        if seen.device == "cpu"
        else "not there"
    )
    found.append(Diagnosis("bfloat16", "ok", speed))
    return found


def _backend() -> tuple[str, Diagnosis]:
    from .training.backends.pick import pick_backend
    from .training.planning import device

    try:
        name, why = pick_backend("auto", device.look(), tuning="lora")
    except ReasonbookError as error:
        return "", Diagnosis("backend", "missing", error.problem, error.fix)
    return name, Diagnosis("backend", "ok", f"{name}: {why}")


def _four_bit() -> Diagnosis:
    from .training.planning import device, memory_estimate

    try:
        why = memory_estimate.four_bit_missing(device.look())
    except ReasonbookError:
        why = "torch is not installed"
    if why is None:
        return Diagnosis("QLoRA", "ok", "4-bit weights can be trained here")
    return Diagnosis("QLoRA", "missing", why.partition(":")[0], 'pip install "reasonbook[unsloth]"')


def _packages() -> list[Diagnosis]:
    from .training.planning.device import version_of

    found: list[Diagnosis] = []
    for name, purpose, extra in _PACKAGES:
        version = version_of(name)
        if version is None:
            fix = f'pip install "reasonbook[{extra}]"'
            found.append(Diagnosis(name, "missing", f"not installed: {purpose}", fix))
        else:
            found.append(Diagnosis(name, "ok", version))
    return found


def _keys() -> list[Diagnosis]:
    from .teachers.hosted.endpoints import ENDPOINTS

    names = sorted({p.variable for p in ENDPOINTS if p.variable} | {"ANTHROPIC_API_KEY", "HF_TOKEN"})
    here = [name for name in names if os.environ.get(name)]
    if here:
        return [Diagnosis("keys", "ok", ", ".join(here))]
    return [
        Diagnosis(
            "keys",
            "missing",
            "no teacher's API key is set",
            "teacher=rb.examples.refund_rules needs none;   or   os.environ['OPENAI_API_KEY'] = getpass.getpass()",
        )
    ]


def _disk() -> Diagnosis:
    folder = home()
    there = folder
    while not there.exists():
        there = there.parent
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Diagnosis(
            "store", "problem", f"{folder}: {error}", "os.environ['REASONBOOK_HOME'] = '/path/to/folder'"
        )
    if not os.access(there, os.W_OK):
        return Diagnosis(
            "store", "problem", f"{folder} cannot be written", "os.environ['REASONBOOK_HOME'] = '/path'"
        )
    text = f"{folder}, {free / _GIB:.1f} GiB free"
    if free < _LOW_DISK:
        return Diagnosis("store", "problem", text, "free some space: checkpoints and weights go there")
    return Diagnosis("store", "ok", text)
