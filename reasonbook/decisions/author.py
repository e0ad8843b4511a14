"""Author: who decides, as their decisions say; nobody is named before somebody says so."""

from __future__ import annotations

import os

from ..errors import ReviewError
from ..options import checked

EVERYBODY = "all"  # stands for all reviewers where one is asked for
_LONGEST = 100
_name: str | None = None


@checked(ReviewError, 'rb.reviewer("ana")')
def reviewer(name: str | None = None) -> str:
    """Who decides from here on in this process: their name stands with each decision in the store.

    Each reviewer decides in a layer of their own; `reasonbook.decisions` says how they come together.

    Args:
        name: as it shall stand there; an empty one names nobody again. Without it nothing changes. Before it is
            given, the environment variable ``REASONBOOK_REVIEWER`` names them.

    Returns:
        The name that decisions get now.

    Raises:
        ReviewError: it cannot be a name: it has line breaks or is too long, or is the word for all reviewers.

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
        name = name.strip()
        if name and not named(name):
            raise ReviewError(f"{name!r:.60} cannot be a reviewer's name.", 'rb.reviewer("ana")')
        _name = name
    return who_decides()


def who_decides() -> str:
    """The name that decisions get now; empty where nobody is named. Asked for every row, so that it costs little."""
    if _name is not None:
        return _name
    told = os.environ.get("REASONBOOK_REVIEWER", "").strip()
    return told if named(told) else ""


def named(name: object) -> bool:
    """Whether this can be somebody's name."""
    if not isinstance(name, str) or name == EVERYBODY or name != name.strip():
        return False
    return 0 < len(name) <= _LONGEST and name.isprintable()
