"""Layout: which columns, or which keys inside a column, hold requests, responses and reasoning."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .card import card, clip, table
from .conversation import REASONING_KEYS, Conversation, Message, is_sequence, missing
from .errors import LayoutError

if TYPE_CHECKING:
    import pandas as pd

# Pairs in the order of preference; the first that a frame has complete is its guess.
PAIRS: tuple[tuple[str, str], ...] = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("request", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("input", "output"),
    ("user", "assistant"),
    ("problem", "deepseek_solution"),
    ("problem", "generated_solution"),
    ("problem", "solution"),
    ("question", "deepseek_attempt"),
    ("question", "gemini_attempt"),
    ("question", "attempt"),
    ("question", "solution"),
)
LISTS = ("messages", "conversations", "conversation", "dialog", "chat")
SYSTEMS = ("system", "system_prompt")
# Reasoning that belongs to one response column stands first; the rest goes with any.
REASONINGS = {
    "deepseek_solution": ("deepseek_reasoning",),
    "deepseek_attempt": ("deepseek_thinking_trajectory",),
    "gemini_attempt": ("gemini_thinking_trajectory",),
    "attempt": ("thinking_trajectories", "thinking_trajectory"),
    "solution": ("thinking_trajectories", "thinking_trajectory"),
}
ANY_REASONING = ("reasoning_content", "thinking", "reasoning", "chain_of_thought", "cot", "rationale")
ROLES = {
    "human": "user", "user": "user", "prompter": "user", "gpt": "assistant", "chatgpt": "assistant",
    "assistant": "assistant", "model": "assistant", "bot": "assistant", "system": "system",
    "developer": "developer", "tool": "tool", "function": "tool", "observation": "tool",
}  # fmt: skip
INLINE = (
    ("<think>", "</think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
)
_SOLUTION = ("<|begin_of_solution|>", "<|end_of_solution|>")


@dataclass(frozen=True)
class Layout:
    """Where the data of a row stands; values are column names.

    Attributes:
        prompt: the request; a text, or a list of messages.
        response: the answer; None when the frame has requests only.
        messages: a column of whole conversations, instead of ``prompt`` and ``response``.
        system: a system prompt.
        context: a second part of the request (``input`` beside ``instruction``).
        reasoning: reasoning that the data already has; a text, a list of texts, or a dict of fields.
        guessed: whether it was found rather than named.
    """

    prompt: Any = None
    response: Any = None
    messages: Any = None
    system: Any = None
    context: Any = None
    reasoning: Any = None
    guessed: bool = field(default=False, compare=False)

    @property
    def columns(self) -> dict[str, Any]:
        """Role → column, for those that are set."""
        roles = ("messages", "system", "prompt", "context", "response", "reasoning")
        return {role: getattr(self, role) for role in roles if getattr(self, role) is not None}

    def check(self, df: pd.DataFrame) -> Layout:
        """The layout itself, when every named column exists exactly once.

        Raises:
            LayoutError: a column is absent, stands twice, or neither a request nor a conversation is named.
        """
        if self.messages is None and self.prompt is None:
            raise _unclear(df, "Name the column of requests, or the column of conversations.")
        for role, column in self.columns.items():
            count = sum(1 for name in df.columns if _same(name, column))
            if count != 1:
                why = "is not there" if count == 0 else f"stands {count} times"
                raise _unclear(df, f"The column {column!r} for {role} {why}.")
        return self

    def read(self, df: pd.DataFrame, positions: Iterable[int] | None = None) -> Iterator[Conversation]:
        """One conversation per row, by position; rows that cannot be used say why in ``problem``."""
        picked = df if positions is None else df.iloc[list(positions)]
        columns = {role: picked[name].tolist() for role, name in self.columns.items()}
        roles = tuple(columns)
        if roles == ("prompt", "response"):  # the common case, kept quick
            for prompt, response in zip(columns["prompt"], columns["response"], strict=True):
                yield self.conversation({"prompt": prompt, "response": response})
            return
        for cells in zip(*columns.values(), strict=True):
            yield self.conversation(dict(zip(roles, cells, strict=True)))

    def conversation(self, cells: Mapping[str, Any]) -> Conversation:
        """The conversation of one row, from its cells by role."""
        try:
            messages = self._messages(cells)
        except _Unusable as problem:
            return Conversation((), str(problem))
        if not any(m["role"] != "system" for m in messages):
            return Conversation((), "the request is empty")
        if messages[-1]["role"] == "assistant" and len(messages) == 1:
            return Conversation((), "there is a response but no request")
        return Conversation(tuple(messages))

    def _messages(self, cells: Mapping[str, Any]) -> list[Message]:
        messages: list[Message] = []
        if not missing(cells.get("system")):
            messages.append({"role": "system", "content": _text(cells["system"], "the system prompt")})
        if self.messages is not None:
            messages += _turns(cells["messages"], "the conversation")
        else:
            messages += _request(cells["prompt"], cells.get("context"))
            response = cells.get("response")
            if is_sequence(response):
                turns = _turns(response, "the response")
                messages += turns if turns and turns[-1]["role"] == "assistant" else []
            elif not missing(response):
                messages.append(_assistant(_text(response, "the response")))
        reasoning = _reasoning_text(cells.get("reasoning"))
        if reasoning and messages and messages[-1]["role"] == "assistant":
            messages[-1] = {**messages[-1], "reasoning_content": reasoning}
        return messages

    def __repr__(self) -> str:
        return f"Layout({', '.join(f'{role}={name!r}' for role, name in self.columns.items())})"

    def _repr_html_(self) -> str:
        words = ", ".join(f"{role}={name!r}" for role, name in self.columns.items())
        return card(
            "Layout, as found" if self.guessed else "Layout, as named",
            body=table(("role", "column"), self.columns.items()),
            notes=[f"Not right? df.reason.layout({words})"] if self.guessed else [],
            next_verb="df.reason.augment(schema, teacher=…)",
        )


def detect(df: pd.DataFrame) -> Layout:
    """Finds the layout of a frame by its column names and first rows.

    Raises:
        LayoutError: the frame has no rows or no columns that are known; the text shows what there is.
    """
    if len(df.columns) == 0 or len(df) == 0:
        raise LayoutError(
            f"The frame has {len(df)} rows and {len(df.columns)} columns; there is nothing to reason about.",
            'df = pd.DataFrame({"prompt": ["…"], "response": ["…"]})',
        )
    names = {_fold(name): name for name in reversed(list(df.columns))}
    system = next((names[s] for s in SYSTEMS if s in names), None)
    for candidate in LISTS:
        if candidate in names and _holds_turns(df[names[candidate]]):
            return Layout(messages=names[candidate], system=system, guessed=True).check(df)
    for prompt, response in PAIRS:
        if prompt in names and response in names:
            context = names.get("input") if prompt == "instruction" else None
            return Layout(
                prompt=names[prompt],
                response=names[response],
                system=system,
                context=context,
                reasoning=_find_reasoning(df, names, response),
                guessed=True,
            ).check(df)
    raise _unclear(df, "It is not clear which columns hold requests and responses.")


def _find_reasoning(df: pd.DataFrame, names: Mapping[str, Any], response: str) -> Any:
    for candidate in (*REASONINGS.get(response, ()), f"{response}__reasoning_content", *ANY_REASONING):
        # A `reasoning` column of dicts beside `reasoning_status` is the product's own, not the data's.
        if candidate in names and not (candidate == "reasoning" and "reasoning_status" in names):
            return names[candidate]
    return None


def _holds_turns(column: pd.Series) -> bool:
    first = next((cell for cell in column if not missing(cell)), None)
    try:
        return bool(_turns(first, "")) if first is not None else False
    except _Unusable:
        return False


class _Unusable(Exception):
    """A cell cannot be read; the text says why, for the row's status."""


def _request(cell: Any, context: Any) -> list[Message]:
    if is_sequence(cell):
        return _turns(cell, "the request")
    if missing(cell):
        raise _Unusable("the request is empty")
    text = _text(cell, "the request")
    if not missing(context):
        text = f"{text}\n\n{_text(context, 'the input')}"
    return [{"role": "user", "content": text}]


def _turns(cell: Any, what: str) -> list[Message]:
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise _Unusable(f"{what} is not valid JSON") from None
    if missing(cell):
        raise _Unusable(f"{what} is empty")
    if not is_sequence(cell):
        raise _Unusable(f"{what} is not a list of messages")
    return [_turn(item, what) for item in cell]


def _turn(item: Any, what: str) -> Message:
    if not isinstance(item, Mapping):
        raise _Unusable(f"{what} holds something that is not a message")
    known = {k: v for k, v in item.items() if v is not None and not (isinstance(v, float) and missing(v))}
    role = ROLES.get(str(known.get("role", known.get("from", ""))).strip().lower())
    if role is None:
        raise _Unusable(f"{what} has a message without a known role")
    content = known.get("content", known.get("value"))
    if is_sequence(content):
        content = _joined(content, what)
    if content is None and (known.get("tool_calls") is not None or any(k in known for k in REASONING_KEYS)):
        content = ""
    text = _text(content, f"a {role} message")
    extra = {k: v for k, v in known.items() if k in ("tool_calls", "tool_call_id", "name")}
    if role != "assistant":
        return {"role": role, "content": text, **extra}
    reasoning = next((known[k] for k in REASONING_KEYS if not missing(known.get(k))), None)
    if reasoning is not None and not isinstance(reasoning, str):
        raise _Unusable(f"the reasoning of a message is not text but {type(reasoning).__name__}")
    message = {"role": role, "content": text, **extra} if reasoning else {**_assistant(text), **extra}
    return {**message, "reasoning_content": reasoning.strip()} if reasoning else message


def _assistant(text: str) -> dict[str, Any]:
    """An assistant message; thinking that was written into the text is taken apart from it."""
    for opening, closing in INLINE:
        start, end = text.find(opening), text.find(closing)
        if end >= 0 and text.count(closing) == 1 and start < end and not text[: max(start, 0)].strip():
            thought = text[start + len(opening) if start >= 0 else 0 : end].strip()
            answer = text[end + len(closing) :].strip()
            for marker in _SOLUTION:
                answer = answer.replace(marker, "").strip()
            message = {"role": "assistant", "content": answer}
            return {**message, "reasoning_content": thought} if thought else message
    return {"role": "assistant", "content": text}


def _joined(parts: Sequence[Any], what: str) -> str:
    texts = []
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(str(part.get("text", "")))
        else:
            raise _Unusable(f"{what} holds content that is not text")
    return "".join(texts)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _Unusable(f"{what} is not text but {type(value).__name__}")
    return value


def _reasoning_text(cell: Any) -> str:
    if isinstance(cell, Mapping):
        return "\n".join(f"{name}: {value}" for name, value in cell.items() if not missing(value))
    if is_sequence(cell):
        cell = next((part for part in cell if not missing(part)), None)
    if missing(cell):
        return ""
    return _text(cell, "the reasoning").strip()


def _unclear(df: pd.DataFrame, why: str) -> LayoutError:
    columns = ", ".join(
        f"{name!r} ({clip(str(df.iloc[0, i]), 30)})" if len(df) else repr(name)
        for i, name in enumerate(df.columns)
    )
    words = [repr(name) for name in df.columns][:2]
    words += ['"…"'] * (2 - len(words))
    return LayoutError(
        f"{why} Columns: {columns or 'none'}.",
        f'df.reason.layout(prompt={words[0]}, response={words[1]})   or   df.reason.layout(messages="…")',
    )


def _fold(name: Any) -> str:
    return str(name).strip().casefold().replace(" ", "_").replace("-", "_")


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b
