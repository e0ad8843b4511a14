"""Broad walks: the same of many cases, of which a few stay in the fast suite."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def walk(cases: Iterable[Any], *, fast: Collection[Any]) -> list[Any]:
    """Every case as a parameter of its test; all but the fast ones are slow."""
    cases = list(cases)
    assert not cases or set(fast) <= set(cases), f"no such case: {set(fast) - set(cases)}"
    return [case if case in fast else _slow(case) for case in cases]


def _slow(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
