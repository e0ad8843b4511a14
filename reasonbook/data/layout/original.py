"""Original: a cell of the data as it stood before any edit, kept in the journal to be put back as it was."""

# pyright: reportMissingTypeStubs=false
# pandas brings no types.

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from ..conversation import json_ready

# What JSON has no form for: name → type, its text, the way back. The first that fits is taken.
_FORMS: Mapping[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "date": (pd.Timestamp, pd.Timestamp.isoformat, pd.Timestamp),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "day": (date, date.isoformat, date.fromisoformat),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "decimal": (Decimal, str, Decimal),
}


@dataclass(frozen=True)
class Original:
    """The cell of a response as it stood before any edit, to be put back as it was."""

    cell: Any

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, for the journal."""
        for form, (kind, written, _) in _FORMS.items():
            if isinstance(self.cell, kind):
                return {form: written(self.cell)}
        return {"cell": json_ready(self.cell)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Original:
        """What `to_dict` gave.

        Raises:
            ValueError: it is nothing of the kind.
        """
        try:
            for form, (_, _, read) in _FORMS.items():
                if form in plain:
                    return cls(read(plain[form]))
            return cls(plain["cell"])
        except (KeyError, TypeError, ArithmeticError) as error:
            raise ValueError(f"no cell of the data: {plain!r:.60}") from error
