"""Serialize: values as the page can read them, with binary parts beside the JSON."""

from __future__ import annotations

import math
import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import Enum
from typing import Any, Protocol, TypeGuard, cast, runtime_checkable


@dataclass(frozen=True)
class Packed:
    """JSON-ready content and the binary buffers that travel beside it."""

    content: Any
    buffers: list[Any] = field(default_factory=list[Any])


@runtime_checkable
class _Listable(Protocol):
    """A numpy scalar or array, a pandas series, a tensor."""

    def tolist(self) -> object: ...


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value that came as JSON is an object."""
    return isinstance(value, dict)


def plain(value: object) -> object:
    """JSON-ready twin of any value: NaN and infinities become None, unknown objects their text."""
    if value is None or isinstance(value, (str, bool)):
        return str(value.value) if isinstance(value, Enum) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, _Listable):
        return plain(value.tolist())
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


def encode(content: dict[str, Any], buffers: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """Puts buffers into the JSON where the host drops them (Colab), else leaves both as they are."""
    if buffers and "google.colab" in sys.modules:
        return {**content, "base64": [b64encode(bytes(buffer)).decode() for buffer in buffers]}, []
    return content, buffers
