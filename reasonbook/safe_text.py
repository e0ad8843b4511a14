"""Safe text: text from anywhere as text that can be stored, sent and shown.

Python and JSON can hold half a character (a lone surrogate), UTF-8 cannot: no file, no database and no provider
takes it.
"""

from __future__ import annotations

import re

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    r"""The text with its half characters written out, as ``\ud800``; two that belong together are one."""
    return text if encodable(text) else joined(text).encode("utf-8", "backslashreplace").decode()


def encodable(text: str) -> bool:
    """Whether UTF-8 can hold the text."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def joined(text: str) -> str:
    """The text with halves of characters put together where they stand side by side."""
    if encodable(text):
        return text
    return _PAIR.sub(lambda two: two.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)


def half_character(text: str) -> str:
    r"""The first half character that is left in a text, written out; empty where there is none."""
    found = None if encodable(text) else _HALF.search(text)
    return f"\\u{ord(found.group()):04x}" if found else ""


def visible(text: str) -> bool:
    """Whether there is anything to see: spaces, line ends and letters without a width are nothing."""
    return text[:1].isalnum() or any(not letter.isspace() and letter.isprintable() for letter in text)


def excerpt(value: object, most: int = 60) -> str:
    """The beginning of whatever it is, on one line, with what cannot be printed written out."""
    try:
        if isinstance(value, bytes):
            text = value[: 4 * most].decode("utf-8", "backslashreplace")
        else:
            said = str(value) if isinstance(value, (str, BaseException)) else repr(value)
            text = said[: 4 * most]
    except Exception:  # nested too deep, a number of too many digits, a class of the user's
        return f"<{type(value).__name__}>"
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"
