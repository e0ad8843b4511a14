"""Final answer: the part of a text in which a student commits itself, told apart from the way to it."""

from __future__ import annotations

import re

# The last of these decides; what stands behind it, up to the end of its sentence, is the answer.
_MARKS = re.compile(
    r"(?:\b(?:the\s+|my\s+|so\s+the\s+)?(?:final\s+|correct\s+|right\s+)?(?:answer|result|solution|decision)\b\s*"
    r"(?:\([^()]{0,20}\)\s*)?(?:is|are|would\s+be|=|[:：])\s*:?"
    r"|^\s*####\s*"
    r"|[∴⇒]\s*)",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[^\W\d_)\]}%])[.!?](?=\s|$)|(?<=[\d)\]}%])[.!?](?=\s+\D|\s*$)|[。！？\n]")
_FENCE = re.compile(r"^```[\w-]*\n(.*?)\n?```$", re.DOTALL)
_BOLD = re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1")


def final_answer(text: str) -> tuple[str, bool]:
    """The part of a text that answers, and whether the text says itself that it is the answer.

    The last ``\\boxed{…}`` wins, then what stands behind the last "answer is", "Answer:" or "####" of a line; else it
    is the whole text. Marks of Markdown around words are left out.

    Example:
        >>> from reasonbook.training.answering.scoring.final_answer import final_answer
        >>> final_answer("2 + 2 = 4, so the answer is **4** (see step 1).")
        ('4 (see step 1)', True)
    """
    bare = text.strip()
    fenced = _FENCE.match(bare)
    bare = fenced.group(1).strip() if fenced else bare
    boxed = _boxed(bare)
    if boxed is not None:
        return boxed, True
    bare = _BOLD.sub(r"\2", bare)
    marks = list(_MARKS.finditer(bare))
    for mark in reversed(marks):
        said = bare[mark.end() :].strip()
        if said:
            return first_sentence(said), True
    return bare, False


def first_sentence(text: str) -> str:
    """A text up to where its first sentence ends."""
    end = _SENTENCE_END.search(text)
    return text[: end.start()].strip() if end and text[: end.start()].strip() else text.strip()


def _boxed(text: str) -> str | None:
    """What stands in the last ``\\boxed{…}``, its braces counted."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        return None
    start = text.index("{", start) + 1
    depth = 1
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if not depth:
            return text[start:end].strip()
    return text[start:].strip()
