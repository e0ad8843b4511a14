"""Told cost: dollars that a provider itself says a call has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..json_access import part


def told_cost(usage: Mapping[str, Any]) -> float | None:
    """The dollars in a usage as OpenRouter writes it; None where it says nothing that can be believed.

    With a key of the user's own at the provider behind it, OpenRouter's figure is its fee alone.

    Example:
        >>> from reasonbook.teachers.pricing.told_cost import told_cost
        >>> told_cost({"prompt_tokens": 194, "cost": 0.00014})
        0.00014
    """
    told = [usage.get("cost")]
    if usage.get("is_byok"):
        told.append(part(usage, "cost_details").get("upstream_inference_cost"))
    known = [n for n in told if isinstance(n, (int, float)) and not isinstance(n, bool) and 0 <= n < math.inf]
    return float(sum(known)) if len(known) == len(told) else None
