"""See, fix and prove what a model will learn from reasoning, next to your DataFrame."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from . import accessor as _accessor  # noqa: F401  registers df.reason
from ._version import __version__ as __version__
from .errors import ReasonbookError
from .schema import Field, Schema

if TYPE_CHECKING:
    from . import examples, store, widgets
    from .augment import augment_dataset
    from .data.sources import frame
    from .decisions import reviewer
    from .environment import doctor
    from .exports import export
    from .format_matrix import formats
    from .history import jobs, runs, spent
    from .ipython import load_ipython_extension as load_ipython_extension
    from .ipython import unload_ipython_extension as unload_ipython_extension
    from .mixture import mix
    from .training import Run, ablate, compare, train
    from .versions import diff

# Read when torch is loaded. Its threads spin while they wait for each other; where something else wants the cores, as
# a notebook's kernel does, two of them on two cores took twice the time and more. A short spin costs an idle machine
# nothing.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__all__ = [
    "Field",
    "ReasonbookError",
    "Run",
    "Schema",
    "ablate",
    "augment_dataset",
    "compare",
    "diff",
    "doctor",
    "examples",
    "export",
    "formats",
    "frame",
    "jobs",
    "mix",
    "reviewer",
    "runs",
    "spent",
    "store",
    "train",
    "widgets",
]
_HOMES = {
    "Run": "training",
    "ablate": "training",
    "augment_dataset": "augment",
    "compare": "training",
    "diff": "versions",
    "doctor": "environment",
    "export": "exports",
    "formats": "format_matrix",
    "frame": "data.sources",
    "jobs": "history",
    "load_ipython_extension": "ipython",
    "mix": "mixture",
    "reviewer": "decisions",
    "runs": "history",
    "spent": "history",
    "train": "training",
    "unload_ipython_extension": "ipython",
}


def __getattr__(name: str) -> Any:
    if name in ("examples", "store", "widgets"):
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if "IPython" in sys.modules:
    importlib.import_module(".ipython", __name__).load_in_kernel()
