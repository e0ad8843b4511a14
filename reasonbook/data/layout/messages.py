"""Messages: the turns of a conversation cell, whatever their keys, content parts and tool calls are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ..conversation import REASONING_KEYS, Message, is_mapping, is_sequence, missing, turn_weight
from .hub import ANSWER, CALL_ROLES, CONTENT_KEYS, INLINE, ROLE_KEYS, ROLES, SOLUTION, TURN_PAIRS
from .literals import parsed
from .values import said, text_of

_KEPT = ("tool_call_id", "name")
_THINKING_KEYS = (*REASONING_KEYS, "thought", "thoughts", "think", "thinking_content")
_CALL_KEYS = ("tool_calls", "function_call", "tool_call")
KNOWN_KEYS = {*_KEPT, *_THINKING_KEYS, *_CALL_KEYS, *ROLE_KEYS, *CONTENT_KEYS, "weight"}
_TEXT_PARTS = (None, "text", "input_text", "output_text")
_THINKING_PARTS = ("thinking", "reasoning", "think", "thought")
_CALL_PARTS = ("tool_use", "tool_call", "function_call")
_RESULT_PARTS = ("tool_result", "function_call_output", "tool_response")
_TEXTS = ("text", "value", "content")


class UnusableCellError(Exception):
    """A cell cannot be read; the text says why, for the row's status."""


def turns(cell: object, what: str) -> list[Message]:
    """The messages of a conversation: a list of them, or the same as JSON or Python text.

    Args:
        cell: what stands in the frame.
        what: its name, for the sentence about what cannot be read: ``messages[2].content is a number``.
    """
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")):
        cell = _opened(cell, what)
    cell = rows_of(cell)
    if missing(cell) or (is_sequence(cell) and len(cell) == 0):
        raise UnusableCellError(f"{what} is empty")
    if not is_sequence(cell):
        raise UnusableCellError(f"{what} is {said(cell)}, not a list of messages")
    made: list[Message] = []
    for i, item in enumerate(cell):
        plain = _plain(item)
        made += _turn(item, f"{what}[{i}]") if plain is None else (plain,)
    return made


def _plain(item: object) -> Message | None:
    """A message of a role and a text and nothing else: most are, and are read quickly."""
    if type(item) is not dict or len(item) != 2:  # pyright: ignore[reportUnknownArgumentType]
        return None
    known = cast("dict[str, Any]", item)
    spelled, words = known.get("role", known.get("from")), known.get("content", known.get("value"))
    if type(words) is not str or type(spelled) is not str or spelled in CALL_ROLES:
        return None
    role = ROLES.get(spelled)
    if role == "assistant":
        return assistant(words)
    return None if role is None else {"role": role, "content": words}


def rows_of(cell: object) -> object:
    """A list of messages out of a dict of columns, as data sets keep a sequence, or out of its one list."""
    if not is_mapping(cell):
        return cell
    if "messages" in cell:
        return cell["messages"]
    lists = {name: list(column) for name, column in cell.items() if is_sequence(column)}
    if not any(key in lists for key in ROLE_KEYS) or len({len(column) for column in lists.values()}) != 1:
        return cell
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def holds_turns(cell: object) -> bool:
    """Whether a cell has the shape of a conversation, also where some message of it cannot be read."""
    if isinstance(cell, str):
        if not cell.lstrip().startswith(("[", "{")):
            return False
        try:
            cell = parsed(cell)
        except ValueError:
            return False
    cell = rows_of(cell)
    if not is_sequence(cell) or not all(is_mapping(item) for item in cell):
        return False
    return any(speaker(item) in ROLES or paired(item) is not None for item in cell)


def speaker(item: Mapping[str, Any]) -> str | None:
    """Who speaks, as it is spelled."""
    named = None
    for key in ROLE_KEYS:
        named = item.get(key)
        if named is not None:
            break
    if is_mapping(named):
        named = named.get("role")
    return None if named is None else str(named).strip().lower()


def paired(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The keys of a turn that holds a request and its response at once."""
    return next((pair for pair in TURN_PAIRS if pair[0] in item and pair[1] in item), None)


def _turn(item: object, where: str) -> list[Message]:
    if not is_mapping(item):
        raise UnusableCellError(f"{where} is {said(item)}, not a message")
    known = {k: v for k, v in item.items() if v is not None and not (isinstance(v, float) and missing(v))}
    spelled = speaker(known)
    pair = paired(known) if spelled is None else None
    if pair is not None:
        request, response = known[pair[0]], known[pair[1]]
        return [
            {"role": "user", "content": text(request, f"{where}.{pair[0]}")},
            assistant(text(response, f"{where}.{pair[1]}")),
        ]
    role = ROLES.get(spelled or "")
    if role is None:
        has = "is missing" if spelled is None else f"is {spelled!r}, which is not known"
        raise UnusableCellError(f"{where}.role {has}")
    key = next((key for key in CONTENT_KEYS if key in known), "content")
    content, parts = known.get(key), _NO_PARTS
    if type(content) is not str:
        if is_mapping(content) and (role != "tool" or set(content) & {*_TEXTS, "parts"}):
            content = content.get("parts", [content])
        if is_sequence(content):
            parts = _joined(content, f"{where}.{key}")
            content = parts.text
    calls = parts.calls
    if any([key in known for key in _CALL_KEYS]):
        calls = _calls(known, where) + calls
    if spelled in CALL_ROLES and isinstance(content, str):
        called = _called(content)
        calls, content = (called, "") if called else ([], content)
    if role == "tool" and is_mapping(content):
        content = json.dumps(bare(content), ensure_ascii=False)
    if content is None and any(key in known for key in (*_CALL_KEYS, *_THINKING_KEYS)):
        content = ""
    if not isinstance(content, str):
        raise UnusableCellError(
            f"{where}.{key} is {'missing' if content is None else said(content) + ', not text'}"
        )
    extra: dict[str, Any] = {k: bare(known[k]) for k in _KEPT if k in known}
    if calls:
        extra = {"tool_calls": calls, **extra}
    before: list[Message] = [*parts.results]
    if role != "assistant":
        return [*before, {"role": role, "content": content, **extra}] if content or not before else before
    if "weight" in known and (weight := _weight(known, where)) != 1:
        extra["weight"] = weight  # 0, as in OpenAI's files: read, not learnt
    reasoning = _reasoning(known, where) or parts.thought
    if not reasoning:
        return [*before, {**assistant(content), **extra}]
    return [*before, {"role": role, "content": content, **extra, "reasoning_content": reasoning.strip()}]


def _weight(known: Mapping[str, Any], where: str) -> float:
    """How much an assistant turn counts; whole numbers as such, as they are written."""
    try:
        weight = turn_weight(known)
    except ValueError as why:
        raise UnusableCellError(f"{where}.weight is {why}") from None
    return int(weight) if weight.is_integer() else weight


def _reasoning(known: Mapping[str, Any], where: str) -> str:
    """The reasoning of a message under whichever key; a boolean there is a switch and no reasoning."""
    for key in _THINKING_KEYS:
        if key in known and not missing(known[key]) and not isinstance(known[key], bool):
            return text(known[key], f"{where}.{key}")
    return ""


def _calls(known: Mapping[str, Any], where: str) -> list[Any]:
    """The tool calls of a message; those in a list stand as they came."""
    for key in _CALL_KEYS:
        given = _opened(known.get(key), f"{where}.{key}")
        if is_mapping(given):
            given = [call(given)]
        if not is_sequence(given) or not len(given):
            continue
        found = [_opened(one, f"{where}.{key}[{i}]") for i, one in enumerate(given)]
        for i, one in enumerate(found):
            if not is_mapping(one):
                raise UnusableCellError(f"{where}.{key}[{i}] is {said(one)}, not a call")
        return [bare(one) for one in found]
    return []


def _opened(value: object, what: str) -> object:
    """The value of a text that holds one; other values as they are."""
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return parsed(value)
    except ValueError:
        raise UnusableCellError(f"{what} is neither valid JSON nor a printed Python list") from None


def call(given: Mapping[str, Any]) -> dict[str, Any]:
    """One tool call in the form of OpenAI's protocol."""
    if is_mapping(given.get("function")):
        return bare(given)
    key = next((key for key in ("arguments", "input", "args", "parameters") if key in given), None)
    arguments: Any = {} if key is None else bare(given[key])
    function = {"name": str(given.get("name") or ""), "arguments": arguments}
    made: dict[str, Any] = {"type": "function", "function": function}
    number = given.get("id") or given.get("call_id")
    return {"id": number, **made} if number else made


def _called(words: str) -> list[Any]:
    """The calls that a turn of ShareGPT's role ``function_call`` writes as JSON; none where it is no JSON."""
    try:
        found = parsed(words)
    except ValueError:
        return []
    each = [found] if is_mapping(found) else found
    named = is_sequence(each) and all(
        is_mapping(one) and (one.get("name") or "function" in one) for one in each
    )
    return [call(one) for one in each] if named else []


@dataclass
class Parts:
    """What content in parts holds."""

    text: str = ""
    thought: str = ""
    calls: list[Any] = field(default_factory=list[Any])
    results: list[Message] = field(default_factory=list[Message])


_NO_PARTS = Parts()


def _joined(contents: Iterable[object], where: str) -> Parts:
    """Text, thinking, calls and results of content that comes in parts; nothing in it is passed over."""
    made = Parts()
    for i, part in enumerate(contents):
        place = f"{where}[{i}]"
        if isinstance(part, str):
            made.text += part
        elif not is_mapping(part):
            raise UnusableCellError(f"{place} is {said(part)}, not text")
        elif is_mapping(given := part.get("functionCall")):
            made.calls.append(call(given))
        elif part.get("type") in _CALL_PARTS:
            made.calls.append(call(part))
        elif part.get("type") in _RESULT_PARTS:
            made.results.append(_result(part, place))
        elif part.get("type") in _THINKING_PARTS or part.get("thought") is True:
            made.thought += _part_text(part, (*_THINKING_PARTS[:2], *_TEXTS, "summary"), place)
        elif part.get("type") in _TEXT_PARTS:
            made.text += _part_text(part, _TEXTS, place)
        else:
            raise UnusableCellError(f"{place} is {part.get('type')!r}, not text")
    made.thought = made.thought.strip()
    return made


def _part_text(part: Mapping[str, Any], keys: Iterable[str], where: str) -> str:
    for key in keys:
        value = part.get(key)
        if value is None or isinstance(value, bool):
            continue
        if is_mapping(value):
            value = [value]
        if is_sequence(value):
            inner = _joined(value, f"{where}.{key}")
            return inner.text or inner.thought
        words = value if isinstance(value, str) else text_of(value)
        if words is not None:
            return words
    rest = [repr(k) for k, v in part.items() if k != "type" and not missing(v)]
    if rest or not any(key in part for key in keys):
        raise UnusableCellError(f"{where} holds no text; it has {', '.join(rest) or 'nothing'}")
    return ""


def _result(part: Mapping[str, Any], where: str) -> Message:
    words = next((part[key] for key in ("content", "output", "text") if part.get(key) is not None), "")
    if is_sequence(words):
        words = _joined(words, f"{where}.content").text
    if is_mapping(words):
        words = json.dumps(bare(words), ensure_ascii=False)
    number = part.get("tool_use_id") or part.get("tool_call_id") or part.get("call_id")
    made = {"role": "tool", "content": text(words, f"{where}.content")}
    return {**made, "tool_call_id": number} if number else made


def assistant(words: str) -> dict[str, Any]:
    """An assistant message; thinking that was written into the text is taken apart from it."""
    for opening, closing in INLINE:
        start, end = words.find(opening), words.find(closing)
        if end >= 0 and words.count(closing) == 1 and start < end and not words[: max(start, 0)].strip():
            thought = words[start + len(opening) if start >= 0 else 0 : end].strip()
            answer = words[end + len(closing) :]
            # Two line breaks belong to the tag, as most write it; what follows them is the answer, untouched.
            answer = answer[2:] if answer.startswith("\n\n") else answer.lstrip()
            message = {"role": "assistant", "content": _solution(answer)}
            return {**message, "reasoning_content": thought} if thought else message
    return {"role": "assistant", "content": words}


def _solution(answer: str) -> str:
    """The answer out of the tags that some put around it where thinking goes before."""
    if answer.startswith(SOLUTION[0]):
        answer = answer.removeprefix(SOLUTION[0]).rstrip().removesuffix(SOLUTION[1])
        return answer.removeprefix("\n\n").removesuffix("\n\n")
    whole = answer.strip()
    if whole.startswith(ANSWER[0]) and whole.endswith(ANSWER[1]) and whole.count(ANSWER[1]) == 1:
        return whole[len(ANSWER[0]) : -len(ANSWER[1])].strip()
    return answer


def text(value: object, what: str) -> str:
    """The value itself, which must be text."""
    if not isinstance(value, str):
        raise UnusableCellError(f"{what} is {said(value)}, not text")
    return value


def bare(value: object) -> Any:
    """A value without the None that Arrow puts where a key is absent, arrays as lists."""
    if is_mapping(value):
        return {k: bare(v) for k, v in value.items() if v is not None}
    if is_sequence(value):
        return [bare(item) for item in value]
    return value
