"""Plain text: an answer as it is compared, in one Unicode form and with one kind of white space."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """NFC, and every run of white space as one space, none at the ends.

    Example:
        >>> from reasonbook.training.answering.scoring.plain_text import plain
        >>> plain(" two \\n words")
        'two words'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())
