"""Cases: the facts of a row are its identity, not its wording."""

from .answers import answers_differ, numbers_of
from .case_groups import groups_of, joined
from .cases import BY_BOTH, BY_FACTS, Cases, cases_of
from .nearness import NearTexts, near_texts

__all__ = [
    "BY_BOTH",
    "BY_FACTS",
    "Cases",
    "NearTexts",
    "answers_differ",
    "cases_of",
    "groups_of",
    "joined",
    "near_texts",
    "numbers_of",
]
