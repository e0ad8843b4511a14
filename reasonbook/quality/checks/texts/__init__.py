"""Texts: what can be seen in one text by itself, or in two that are held together."""

from .arithmetic import WrongSum, worked_out
from .copying import SHORTEST, copied, plain
from .injection import injected
from .numbers import ALWAYS, canonical, named, names_in, number_spans, numbers_in
from .phrases import Phrase, leak, placeholder, refusal, repeated

__all__ = [
    "ALWAYS",
    "SHORTEST",
    "Phrase",
    "WrongSum",
    "canonical",
    "copied",
    "injected",
    "leak",
    "named",
    "names_in",
    "number_spans",
    "numbers_in",
    "placeholder",
    "plain",
    "refusal",
    "repeated",
    "worked_out",
]
