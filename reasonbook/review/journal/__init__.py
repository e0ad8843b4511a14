"""Journal: what its events say of rows, by which names, and who decided."""

from .acts import TURNS, Attributes, Change, UnusableEventError, change_of, id_of, used_in
from .author import reviewer
from .row_names import RowNames

__all__ = [
    "TURNS",
    "Attributes",
    "Change",
    "RowNames",
    "UnusableEventError",
    "change_of",
    "id_of",
    "reviewer",
    "used_in",
]
