"""Prompt mode: one way to ask a student, and what it then has to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PromptMode:
    """One way to ask the student, and what it then has to write.

    A whole row is the generation prompt under ``kwargs``, then ``opening``, the thinking, ``middle``, the
    answer, ``stop`` and ``trailer``; a plain row has no thinking and no ``middle``.

    Attributes:
        kwargs: what the template is given.
        tail: what the generation prompt adds after the last message.
        opening: written by the student before the thinking, or before a plain answer.
        middle: written between thinking and answer; "" in the plain mode.
        stop: from the end of the answer through the stop token.
        trailer: what the template writes after the stop token; never learnt.
        exact: learnt from the template's own rendering, so that rows can be held against it.
        stop_added: the template ends without a stop token and ours was added.
        empty: the empty thinking block inside ``opening`` of a plain row.
        shown: what the template itself writes after an answer: ``stop`` and ``trailer``, but for an added stop.
    """

    kwargs: Mapping[str, Any]
    tail: str
    opening: str
    middle: str
    stop: str
    trailer: str
    exact: bool = True
    stop_added: bool = False
    empty: str = ""
    shown: str = ""
