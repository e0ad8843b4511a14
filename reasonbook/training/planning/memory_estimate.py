"""Memory estimate: what a training needs on the device, and the micro-batch that fits."""

from __future__ import annotations

from .device import GIB, Machine, installed
from .student import Student

_WEIGHT = {"fp32": 4, "bf16": 2, "fp16": 2}
_PER_TOKEN = (
    34  # bytes of activations per token, layer and hidden unit in 16 bit, attention without its matrix
)
_SAFE = 0.85  # of the free memory


def four_bit_missing(machine: Machine) -> str | None:
    """Why 4-bit weights cannot be used here; None when they can."""
    if machine.device == "mps":
        return "bitsandbytes does not run on Apple GPUs"
    if not installed("bitsandbytes"):
        return 'bitsandbytes is not installed: pip install "reasonbook[unsloth]"'
    return None


def estimate(
    student: Student,
    *,
    tuning: str,
    precision: str,
    rank: int,
    micro: int,
    longest: int,
    targets: int,
    checkpointing: bool,
) -> int:
    """Peak bytes: weights, trained weights with their optimizer state, activations and logits of a micro-batch."""
    n, embedded = student.parameters, student.vocabulary * student.hidden
    width = _WEIGHT[precision]
    if tuning == "full":
        base, trained = 0, n
    else:
        base = n * width if tuning == "lora" else round((n - embedded) * 0.56 + embedded * 2)
        trained = 18 * rank * student.hidden * student.layers  # A and B of seven matrices, some of them wider
    tokens = micro * longest
    layers = 1 + 2 / _PER_TOKEN * student.layers if checkpointing else student.layers
    activations = tokens * layers * student.hidden * _PER_TOKEN * (width / 2)
    logits = micro * min(longest, targets + 1) * student.vocabulary * (width + 8)
    return round(base + trained * 16 + activations + logits)


def fit_memory(
    student: Student,
    machine: Machine,
    *,
    tuning: str,
    precision: str,
    rank: int,
    batch: int,
    longest: int,
    targets: int,
    micro: int | None,
    checkpointing: bool | None,
    why: dict[str, str],
) -> tuple[int, bool, int]:
    """Micro-batch, gradient checkpointing and estimated bytes that fit the machine."""
    context = GIB // 2 if machine.device == "cuda" else 0
    room = machine.free * _SAFE - context

    def need(rows: int, saving: bool) -> int:
        return estimate(
            student, tuning=tuning, precision=precision, rank=rank, micro=rows, longest=longest,
            targets=targets, checkpointing=saving,
        )  # fmt: skip

    rows, saving = min(micro or batch, batch), bool(checkpointing)
    if micro is None:
        while rows > 1 and need(rows, saving) > room:
            if checkpointing is None and not saving and rows <= max(1, batch // 4):
                saving, rows = True, batch
                continue
            rows = -(-rows // 2)
    if checkpointing is None and not saving and need(rows, saving) > room:
        saving = True
    memory = need(rows, saving) + context
    free = f"{machine.free / GIB:.1f} GiB free"
    why["micro_batch_size"] = "asked for" if micro else f"fits {free}; halved by itself when memory runs out"
    why["gradient_checkpointing"] = (
        "asked for" if checkpointing is not None else f"{free}: {'saves memory' if saving else 'not needed'}"
    )
    why["memory"] = f"estimate; {free}" + (" – this may not fit" if memory > machine.free else "")
    return rows, saving, memory
