"""Downgrade: what a provider turned down once is not asked of it again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..teacher import LADDER, CallError, Rung

# A refusal with one of these statuses may be about a parameter, not about the row.
STATUSES = (400, 404, 405, 415, 422, 501)
# Words by which providers name the part of a request that holds an answer to a schema.
STRUCTURE = ("response_format", "json_schema", "json_object", "text.format", "output_config", "output_format",
             "structured output", "guided", "grammar", "json mode", "schema")  # fmt: skip


@dataclass
class Downgrade:
    """The rung of the ladder that works, and the optional parameters that do not.

    Attributes:
        rungs: ways to be held to a schema that are left, best first.
        optional: parameters the request can do without, as the provider names them.
        dropped: those it was seen to refuse.
    """

    rungs: tuple[Rung, ...] = LADDER
    optional: tuple[str, ...] = ()
    dropped: set[str] = field(default_factory=set[str])

    @property
    def rung(self) -> Rung:
        """The best way that is left to be held to a schema."""
        return self.rungs[0]

    def learn(self, error: CallError, tried: Rung, sent: set[str]) -> bool:
        """Whether the same request, made again by what is now known, may be taken.

        Args:
            tried: the rung of the request that was refused.
            sent: the optional parameters that stood in it.
        """
        if error.status not in STATUSES:
            return False
        for name in self.optional:
            if name in sent and re.search(rf"(?<![a-z_]){re.escape(name)}(?![a-z_])", error.words):
                self.dropped.add(name)
                return True
        if tried != "text" and any(word in error.words for word in STRUCTURE):
            if "maxlength" in sent:
                self.dropped.add("maxlength")
                return True
            if self.rung == tried and len(self.rungs) > 1:
                self.rungs = tuple(self.rungs[1:])
            return self.rung != tried
        return False
