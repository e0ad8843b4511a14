"""Options: which of a few possible answers a text names, none by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .final_answer import final_answer
from .plain_text import plain

_DENIAL = re.compile(
    r"(?:\b(?:not|never|cannot|without|neither|nor|no|rather\s+than|instead\s+of|other\s+than|than)|n['’]t)"
    r"(?:\s+(?:be|been|to|a|an|the|yet|really|fully|say|choose|pick|it|is|was|get|option|answer)){0,3}\s*[\"'“(*]*$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^\s*[\"'”)]*\s*(?:or|and/or|/|and|,)\s*[\"'“(]*$", re.IGNORECASE)
_BEFORE = 60  # characters before an option that may deny it
_LETTER = r"(?:(?<=\()|(?<=option )|(?<=choice )|(?<=^)|(?<=[.!?:*\"'=]))\s*{}(?=\s*(?:[).:,*\"';]|$))"


@dataclass(frozen=True)
class Options:
    """The answers that there are to choose from.

    Args:
        names: as the right responses of the split name them.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, expected: Iterable[str]) -> Options:
        """The options of a split, by its right responses."""
        return cls(tuple(sorted({plain(text).casefold() for text in expected} - {""})))

    def read(self, text: str) -> tuple[str | None, str]:
        """The option that a text names, and how it was read; None where it names none, or several.

        Example:
            >>> from reasonbook.training.answering.scoring.options import Options
            >>> Options(("approved", "refused")).read("It is not approved, so it is refused.")
            ('refused', 'refused')
            >>> Options(("approved", "refused")).read("Not approved.")
            (None, 'no option: approved is denied')
        """
        part, committed = final_answer(text)
        part = plain(part)
        if part.casefold() in self.names:
            return part.casefold(), part
        found = [
            *self._letters(part),
            *((m.start(), m.end(), m.group().casefold()) for m in self._words.finditer(part)),
        ]
        found.sort()
        named = [name for start, _, name in found if not self._denied(part[max(0, start - _BEFORE) : start])]
        if not named:
            denied = list(dict.fromkeys(name for _, _, name in found))
            return None, f"no option: {', '.join(denied)} is denied" if denied else "no option"
        several = list(dict.fromkeys(named))
        if len(several) == 1:
            return several[0], several[0]
        first, second = found[0], found[1]
        leads = committed or (
            not part[: first[0]].strip(" \"'*(") and part[first[1] : first[1] + 1] in ",.:;—)"
        )
        if leads and named[0] == first[2] and not _LISTED.match(part[first[1] : second[0]]):
            return first[2], first[2]
        return None, f"ambiguous: {' or '.join(several[:4])}"

    @cached_property
    def _words(self) -> re.Pattern[str]:
        words = sorted((name for name in self.names if len(name) > 1), key=len, reverse=True)
        return re.compile("|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in words) or r"(?!)", re.IGNORECASE)

    def _letters(self, text: str) -> Iterable[tuple[int, int, str]]:
        """Single letters, which are options only where they stand like one: "(B)", "B.", "option B", or alone."""
        for name in self.names:
            if len(name) == 1:
                pattern = _LETTER.format(re.escape(name.upper()) if name.isalpha() else re.escape(name))
                for match in re.finditer(pattern, text):
                    yield match.start(), match.end(), name

    def _denied(self, before: str) -> bool:
        """Whether the words before an option deny it; a "no" that is an option itself denies nothing."""
        clause = re.split(r"[.;:!?]|\bbut\b|\bso\b", before, flags=re.IGNORECASE)[-1]
        match = _DENIAL.search(clause)
        return match is not None and not (match.group().strip().casefold() == "no" and "no" in self.names)
