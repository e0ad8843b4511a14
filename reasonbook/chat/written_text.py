"""Written text: what a student has written so far, as the pieces that a reader of its ids sees."""

from __future__ import annotations

from collections.abc import Sequence

from .template.typed_tokenizer import Tokenizer


class WrittenText:
    """Ids that grow become pieces of text, never half a character.

    Args:
        tokenizer: the student's.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        # The library's own decoding is a third of the time, and the same where nothing is tidied up behind it.
        tidies = getattr(tokenizer, "clean_up_tokenization_spaces", False)
        self._decode = tokenizer.decode if tidies else tokenizer.backend_tokenizer.decode
        self._told = ""

    def new(self, ids: Sequence[int]) -> str:
        """What has come since the last call; "" while a character is not whole.

        Args:
            ids: all that have been written so far.
        """
        text = self._decode(list(ids), skip_special_tokens=False)
        if text.endswith("\ufffd") or not text.startswith(self._told):
            return ""
        new, self._told = text[len(self._told) :], text
        return new
