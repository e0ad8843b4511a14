"""Layout: which columns, or which keys inside a column, hold requests, responses and reasoning."""

from .detection import detect
from .frame_layout import layout_of, name_layout
from .hub import HUB, INLINE, ROLES, HubLayout
from .layout import Layout
from .values import text_of

__all__ = [
    "HUB",
    "INLINE",
    "ROLES",
    "HubLayout",
    "Layout",
    "detect",
    "layout_of",
    "name_layout",
    "text_of",
]
