"""Copying: how much of a response stands word for word in the reasoning, which then teaches to repeat it."""

from __future__ import annotations

LEAST = 12  # words; a shorter response may well be what a field states
SHARE = 0.5  # of the response, from which on it counts as copied
_PIECE = 4  # words that are looked for together
_PROBE = 20  # letters
SHORTEST = 40  # letters of a response that may have so many words


def copied(reasoning: str, response: str, request: str) -> bool:
    """Whether the reasoning says the response over again, beyond what both take from the request.

    Args:
        reasoning: in plain words, as `plain` gives them.
        response: in plain words.
        request: as it stands; read only where reasoning and response are alike.
    """
    if len(response) < SHORTEST:
        return False
    # Where no letters of its beginning, middle and end stand there, half of it cannot.
    middle = len(response) // 2
    probes = (response[:_PROBE], response[middle : middle + _PROBE], response[-_PROBE:])
    if not any(probe in reasoning for probe in probes):
        return False
    words = response.split()
    if len(words) < LEAST:
        return False
    asked = plain(request)
    pieces = [" ".join(words[at : at + _PIECE]) for at in range(0, len(words) - _PIECE + 1, _PIECE)]
    own = [piece for piece in pieces if piece not in asked]
    return 3 * len(own) >= len(pieces) and sum(piece in reasoning for piece in own) >= SHARE * len(own)


class _Plain(dict[int, str]):
    """For `str.translate`, which is quicker than a pattern: what is no letter, digit, money or ``%.-`` is a space."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = kept = sign if sign.isalnum() or sign in "_$€£%.-" else " "
        return kept


_PLAIN = _Plain()


def plain(text: str) -> str:
    """A text in small letters, one space between words, without marks."""
    return " ".join(text.casefold().translate(_PLAIN).split()).strip(" .")
