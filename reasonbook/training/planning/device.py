"""Device: what the computer under the kernel can train on, found without asking the network."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...errors import MissingPackage

GIB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """The device that would train.

    Attributes:
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``.
        name: of the device, in words.
        memory: bytes of memory on the device.
        free: bytes of it that are free now.
        cores: CPU cores that this process may use.
        bf16: whether bfloat16 is fast there.
        gpus: how many there are.
    """

    device: str
    name: str
    memory: int
    free: int
    cores: int
    bf16: bool
    gpus: int = 0

    @property
    def line(self) -> str:
        """One line for cards."""
        return f"{self.name}, {self.free / GIB:.1f} of {self.memory / GIB:.1f} GiB free, {self.cores} cores"


def look() -> Machine:
    """Looks at the machine; torch must be installed.

    Raises:
        MissingPackage: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingPackage("torch", feature="Training", extra="train") from error
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Machine(
            device="cuda",
            name=torch.cuda.get_device_name(0),
            memory=total,
            free=free,
            cores=cores(),
            bf16=torch.cuda.is_bf16_supported(including_emulation=False),
            gpus=torch.cuda.device_count(),
        )
    free, total = memory()
    if getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        return Machine("mps", f"Apple GPU ({platform.machine()})", total, free, cores(), bf16=True, gpus=1)
    return Machine("cpu", f"CPU ({platform.machine()})", total, free, cores(), cpu_bf16())


def cores() -> int:
    """CPU cores that this process may use, a container's share taken into account."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, count)


def cores_taken(seconds: float = 0.2) -> float:
    """CPU cores of the whole computer that other processes use now, looked at for so many seconds.

    The load average would count this process too: the second of two trainings would find the first one's.
    """
    import psutil

    def others() -> float:
        every, own = psutil.cpu_times(), process.cpu_times()
        return every.user + every.system + getattr(every, "nice", 0.0) - own.user - own.system

    process = psutil.Process()
    before, at = others(), time.perf_counter()
    time.sleep(seconds)
    return max(0.0, (others() - before) / (time.perf_counter() - at))


def memory() -> tuple[int, int]:
    """Free and whole main memory in bytes, a container's limit taken into account."""
    free = total = 0
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = {
            name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)
        }
        free, total = table.get("MemAvailable", 0), table.get("MemTotal", 0)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max" and int(limit) < total:
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            total, free = int(limit), max(0, min(free, int(limit) - used))
    except (OSError, ValueError):
        pass
    if not total:
        try:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            total = 8 * GIB
        free = total // 2
    return free, total


@lru_cache
def cpu_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware.

    Without that, bfloat16 on a CPU is emulated: it was measured three times slower than float32.
    """
    import torch

    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    for name in tests:
        test = getattr(torch.cpu, name, None)
        try:
            if test is not None and test():
                return True
        except (RuntimeError, OSError):
            continue
    if platform.machine() in ("aarch64", "arm64"):
        try:
            return " bf16" in Path("/proc/cpuinfo").read_text()
        except OSError:
            return False
    return False


def version_of(package: str) -> str | None:
    """The installed version of a package, None where it is absent; nothing is imported."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed(module: str) -> bool:
    """Whether a module could be imported; nothing is imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def free() -> None:
    """Gives freed GPU memory back to the driver."""
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)
