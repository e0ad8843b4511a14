"""Author: who decides, as their decisions say; nobody is named before somebody says so."""

from __future__ import annotations

from ..errors import ReviewError
from ..options import checked

_name = ""


@checked(ReviewError, 'rb.reviewer("ana")')
def reviewer(name: str | None = None) -> str:
    """Who decides from here on in this process: their name stands with each decision in the store.

    Args:
        name: as it shall stand there; an empty one names nobody again. Without it nothing changes.

    Returns:
        The name that decisions get now.

    Example:
        >>> rb.reviewer("ana")
        'ana'
        >>> review = df.reason.review().accept(0)
        >>> df.reason.history(0).steps[-1].who
        'ana'
        >>> rb.reviewer("")
        ''
    """
    global _name
    if name is not None:
        _name = name.strip()
    return _name
