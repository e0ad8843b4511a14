"""Cells: the messages in one row's cells, whatever form they have there."""

from __future__ import annotations

from typing import Any

from ..conversation import Message, is_mapping, is_sequence, missing
from .hub import INLINE, ROLE_KEYS
from .literals import parsed
from .messages import UnusableCellError, assistant, bare, holds_turns, text, turns
from .values import said, text_of

_FIRST = frozenset(closing[0] for _, closing in INLINE)
_KILN = ("reasoning", "chain_of_thought")
ANSWER_KEYS = ("output", "response", "answer", "text", "content", "value")


def plain(prompt: object, response: object) -> str | None:
    """The response of a row that is one text and its answer, with no thinking in it: most are, and are read quickly."""
    if type(response) is int or type(response) is float:
        response = text_of(response)
    return (
        response
        if type(prompt) is str
        and type(response) is str
        and not prompt.isspace()
        and not response.isspace()
        and "" not in (prompt, response)
        and prompt[:2] != "[{"
        and response[:2] != "[{"
        and not _holds_thinking(response)
        else None
    )


def _holds_thinking(text: str) -> bool:
    for letter in _FIRST:  # one letter is found ten times as quickly as a word
        if letter in text:
            return any([closing in text for _, closing in INLINE])
    return False


def request(cell: object, context: object, name: str = "the request") -> list[Message]:
    """The messages of a request: a text with its context, or a list of messages."""
    if is_sequence(cell) or _listed(cell):
        return turns(cell, name)
    if missing(cell):
        raise UnusableCellError("the request is empty")
    words = text(cell, name)
    beside = _context(context)
    return [{"role": "user", "content": f"{words}\n\n{beside}" if beside else words}]


def _context(cell: object) -> str:
    """The second part of a request: a text, or a list of them, one a line."""
    if missing(cell):
        return ""
    if is_sequence(cell):
        return "\n".join(_context(item) for item in cell)
    words = cell if isinstance(cell, str) else text_of(cell)
    return text(cell, "the context") if words is None else words


def response(cell: object, repaired: object, verified: object, name: str = "the response") -> list[Message]:
    """The assistant's message of a response, or nothing where there is none.

    Args:
        cell: a text, a number, boolean or date, a list of messages, a list of texts, or a dict such as Kiln's
            ``{"output": text}``.
        repaired: a corrected response, which goes before.
        verified: flags for a list of texts; the first that is true picks its text.
        name: what the response is called, for the sentence about what cannot be read.
    """
    if not missing(repaired):
        cell = repaired
    if _listed(cell) or (is_mapping(cell) and holds_turns([cell])):
        cell = [cell] if is_mapping(cell) else parsed(str(cell))
    if is_sequence(cell) and len(cell) and all(speaks(item) for item in cell):
        made = turns(cell, name)
        return made if made and made[-1]["role"] == "assistant" else []
    if is_sequence(cell):
        cell = _picked([_answer(item, name) for item in cell], verified)
    words = _answer(cell, name)
    return [] if missing(words) else [assistant(words)]


def speaks(item: object) -> bool:
    """Whether it is a message that says whose it is."""
    return is_mapping(item) and any(key in item for key in ROLE_KEYS)


def _answer(cell: object, name: str) -> Any:
    """The text of one answer; a dict has it under one of a few keys."""
    if is_mapping(cell):
        key = next((key for key in ANSWER_KEYS if key in cell), None)
        if key is None:
            raise UnusableCellError(f"{name} is {said(cell)}; none of them is known to hold the answer")
        inner = cell[key]
        if is_sequence(inner):
            inner = _picked(list(inner), None)
        return _answer(inner, f"{name}.{key}")
    if missing(cell):
        return None
    words = text_of(cell)
    return text(cell, name) if words is None else words


def _picked(texts: list[Any], verified: object) -> Any:
    flags = list(verified) if is_sequence(verified) else []
    if flags and not any(flag is True or flag == 1 for flag in flags):
        raise UnusableCellError("none of its responses passed the check")
    for i, words in enumerate(texts):
        if not missing(words) and (i >= len(flags) or flags[i] == 1):
            return words
    return None


def _listed(cell: object) -> bool:
    """Whether a text is a list of messages, as JSON or as Python prints it."""
    return isinstance(cell, str) and cell.startswith("[{") and holds_turns(cell)


def system(cell: object) -> list[Message]:
    """The system prompt as a message, or nothing."""
    if is_mapping(cell):
        cell = "".join(str(part.get("text") or "") for part in cell.get("parts") or () if is_mapping(part))
    return [] if missing(cell) else [{"role": "system", "content": text(cell, "the system prompt")}]


def tools(cell: object) -> list[Any]:
    """The tools that a conversation offers, as OpenAI's files have them beside the messages; a list or its text."""
    if isinstance(cell, str) and cell.strip():
        try:
            cell = parsed(cell)
        except ValueError:
            raise UnusableCellError("the tools are not valid JSON") from None
    if missing(cell):
        return []
    found = bare(cell) if is_sequence(cell) else None
    if found is None or not all(is_mapping(tool) for tool in found):
        raise UnusableCellError("the tools are not a list of descriptions")
    return found


def reasoning_text(cell: object, name: str = "the reasoning") -> str:
    """Reasoning that the data brought: a text, a list of texts, or a dict of fields."""
    if is_mapping(cell):
        if cell and set(cell) <= set(_KILN):
            cell = next((cell[key] for key in _KILN if not missing(cell.get(key))), None)
        else:
            return "\n".join(f"{key}: {value}" for key, value in cell.items() if not missing(value))
    if is_sequence(cell):
        cell = next((part for part in cell if not missing(part)), None)
    return "" if missing(cell) else text(cell, name).strip()
