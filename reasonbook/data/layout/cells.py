"""Cells: the messages in one row's cells, whatever form they have there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..conversation import REASONING_KEYS, Message, is_mapping, is_sequence, missing
from .hub import INLINE, ROLES, SOLUTION

_KEPT = ("tool_calls", "tool_call_id", "name")
_KILN = ("reasoning", "chain_of_thought")


class UnusableCellError(Exception):
    """A cell cannot be read; the text says why, for the row's status."""


def plain(prompt: object, response: object) -> bool:
    """Whether a row is one text and its answer, with no thinking in it: most are, and are read quickly."""
    return (
        type(prompt) is str
        and type(response) is str
        and not prompt.isspace()
        and not response.isspace()
        and "" not in (prompt, response)
        and not any([closing in response for _, closing in INLINE])
    )


def request(cell: object, context: object) -> list[Message]:
    """The messages of a request: a text with its context, or a list of messages."""
    if is_sequence(cell):
        return turns(cell, "the request")
    if missing(cell):
        raise UnusableCellError("the request is empty")
    words = text(cell, "the request")
    if not missing(context):
        words = f"{words}\n\n{text(context, 'the input')}"
    return [{"role": "user", "content": words}]


def response(cell: object, repaired: object, verified: object) -> list[Message]:
    """The assistant's message of a response, or nothing where there is none.

    Args:
        cell: a text, a list of messages, a list of texts, or Kiln's ``{"output": text}``.
        repaired: a corrected response, which goes before.
        verified: flags for a list of texts; the first that is true picks its text.
    """
    if not missing(repaired):
        cell = repaired
    if is_mapping(cell):
        cell = cell.get("output")
    if is_sequence(cell):
        if all(isinstance(item, str) or missing(item) for item in cell):
            cell = _picked(list(cell), verified)
        else:
            made = turns(cell, "the response")
            return made if made and made[-1]["role"] == "assistant" else []
    return [] if missing(cell) else [assistant(text(cell, "the response"))]


def _picked(texts: list[Any], verified: object) -> Any:
    flags = list(verified) if is_sequence(verified) else []
    if flags and not any(flag is True or flag == 1 for flag in flags):
        raise UnusableCellError("none of its responses passed the check")
    for i, words in enumerate(texts):
        if not missing(words) and (i >= len(flags) or flags[i] == 1):
            return words
    return None


def turns(cell: object, what: str) -> list[Message]:
    """The messages of a conversation: a list of them, or the same as JSON text."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise UnusableCellError(f"{what} is not valid JSON") from None
    if missing(cell):
        raise UnusableCellError(f"{what} is empty")
    if not is_sequence(cell):
        raise UnusableCellError(f"{what} is not a list of messages")
    return [_turn(item, what) for item in cell]


def _turn(item: object, what: str) -> Message:
    if not is_mapping(item):
        raise UnusableCellError(f"{what} holds something that is not a message")
    known = {k: v for k, v in item.items() if v is not None and not (isinstance(v, float) and missing(v))}
    role = ROLES.get(str(known.get("role", known.get("from", ""))).strip().lower())
    if role is None:
        raise UnusableCellError(f"{what} has a message without a known role")
    content = known.get("content", known.get("value", known.get("parts")))
    thinking = None
    if is_sequence(content):
        content, thinking = _joined(content, what)
    if content is None and (known.get("tool_calls") is not None or any(k in known for k in REASONING_KEYS)):
        content = ""
    words = text(content, f"a {role} message")
    extra = {k: _bare(known[k]) for k in _KEPT if k in known and not _hollow(known[k])}
    if role != "assistant":
        return {"role": role, "content": words, **extra}
    if (
        known.get("weight") == 0
    ):  # OpenAI's flag: a turn that is read, not learnt; 1 is the rule and says nothing
        extra["weight"] = 0
    reasoning = next((known[k] for k in REASONING_KEYS if not missing(known.get(k))), thinking)
    if reasoning is not None and not isinstance(reasoning, str):
        raise UnusableCellError(f"the reasoning of a message is not text but {type(reasoning).__name__}")
    if not reasoning:
        return {**assistant(words), **extra}
    return {"role": role, "content": words, **extra, "reasoning_content": reasoning.strip()}


def assistant(words: str) -> dict[str, Any]:
    """An assistant message; thinking that was written into the text is taken apart from it."""
    for opening, closing in INLINE:
        start, end = words.find(opening), words.find(closing)
        if end >= 0 and words.count(closing) == 1 and start < end and not words[: max(start, 0)].strip():
            thought = words[start + len(opening) if start >= 0 else 0 : end].strip()
            answer = words[end + len(closing) :]
            # Two line breaks belong to the tag, as most write it; what follows them is the answer, untouched.
            answer = answer[2:] if answer.startswith("\n\n") else answer.lstrip()
            if answer.startswith(SOLUTION[0]):
                answer = answer.removeprefix(SOLUTION[0]).rstrip().removesuffix(SOLUTION[1])
                answer = answer.removeprefix("\n\n").removesuffix("\n\n")
            message = {"role": "assistant", "content": answer}
            return {**message, "reasoning_content": thought} if thought else message
    return {"role": "assistant", "content": words}


def system(cell: object) -> list[Message]:
    """The system prompt as a message, or nothing."""
    if is_mapping(cell):
        cell = _joined(cell.get("parts") or (), "the system prompt")[0]
    return [] if missing(cell) else [{"role": "system", "content": text(cell, "the system prompt")}]


def tools(cell: object) -> list[Any]:
    """The tools that a conversation offers, as OpenAI's files have them beside the messages; a list or JSON text."""
    if isinstance(cell, str) and cell.strip():
        try:
            cell = json.loads(cell)
        except ValueError:
            raise UnusableCellError("the tools are not valid JSON") from None
    if missing(cell):
        return []
    found = _bare(cell) if is_sequence(cell) else None
    if found is None or not all(is_mapping(tool) for tool in found):
        raise UnusableCellError("the tools are not a list of descriptions")
    return found


def reasoning_text(cell: object) -> str:
    """Reasoning that the data brought: a text, a list of texts, or a dict of fields."""
    if is_mapping(cell):
        if cell and set(cell) <= set(_KILN):
            cell = next((cell[name] for name in _KILN if not missing(cell.get(name))), None)
        else:
            return "\n".join(f"{name}: {value}" for name, value in cell.items() if not missing(value))
    if is_sequence(cell):
        cell = next((part for part in cell if not missing(part)), None)
    if missing(cell):
        return ""
    return text(cell, "the reasoning").strip()


def text(value: object, what: str) -> str:
    """The value itself, which must be text."""
    if not isinstance(value, str):
        raise UnusableCellError(f"{what} is not text but {type(value).__name__}")
    return value


def _joined(contents: Iterable[object], what: str) -> tuple[str, str | None]:
    """Text and thinking of content that comes in parts."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in contents:
        if isinstance(part, str):
            texts.append(part)
        elif is_mapping(part) and part.get("type", "text") == "text":
            texts.append(str(part.get("text") or ""))
        elif is_mapping(part) and part.get("type") == "thinking":
            thought = part.get("thinking")
            thoughts.append(_joined(thought, what)[0] if is_sequence(thought) else str(thought or ""))
        else:
            raise UnusableCellError(f"{what} holds content that is not text")
    return "".join(texts), "".join(thoughts).strip() or None


def _bare(value: object) -> Any:
    """A value without the None that Arrow puts where a key is absent, arrays as lists."""
    if is_mapping(value):
        return {k: _bare(v) for k, v in value.items() if v is not None}
    if is_sequence(value):
        return [_bare(item) for item in value]
    return value


def _hollow(value: object) -> bool:
    return is_sequence(value) and len(value) == 0
