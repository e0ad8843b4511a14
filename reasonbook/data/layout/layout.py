"""Layout: which columns, or which keys inside a column, hold requests, responses and reasoning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from typing import Any

from ...errors import LayoutError
from ...html_card import card, clip, table
from ..conversation import Conversation, Message, missing, plain_key, raw_key
from ..typed_pandas import DataFrame, column_cells, first_cells, rows_at
from . import cells
from .hub import ANY_REASONING, HUB, LISTS, PAIRS, REQUESTS, SUFFIX, SYSTEMS, HubLayout

_ORDER = (
    "messages",
    "system",
    "prompt",
    "context",
    "response",
    "repaired",
    "verified",
    "reasoning",
    "unmask",
    "tools",
)
_PAIR = ("prompt", "response")


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
        repaired: a corrected response that goes before ``response``.
        verified: flags for a ``response`` that is a list of texts: the first true one picks.
        unmask: flags of rows in which every message but the system's is learnt.
        tools: descriptions of the tools that a conversation offers; they go with its first message.
        guessed: whether it was found rather than named.
    """

    prompt: Any = None
    response: Any = None
    messages: Any = None
    system: Any = None
    context: Any = None
    reasoning: Any = None
    repaired: Any = None
    verified: Any = None
    unmask: Any = None
    tools: Any = None
    guessed: bool = field(default=False, compare=False)

    @property
    def columns(self) -> dict[str, Any]:
        """Role → column, for those that are set."""
        roles = (part.name for part in fields(self) if part.name != "guessed")
        named = {role: getattr(self, role) for role in roles if getattr(self, role) is not None}
        return {role: named[role] for role in _ORDER if role in named}

    def check(self, df: DataFrame) -> Layout:
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

    def read(self, df: DataFrame, positions: Iterable[int] | None = None) -> Iterator[Conversation]:
        """One conversation per row, by position; rows that cannot be used say why in ``problem``."""
        picked = rows_at(df, positions)
        columns = {role: column_cells(picked, name) for role, name in self.columns.items()}
        roles = tuple(columns)
        for row in zip(*columns.values(), strict=True):
            yield self.conversation(dict(zip(roles, row, strict=True)))

    def given(self, df: DataFrame, position: int) -> dict[str, Any]:
        """The cells of one row, by role."""
        return {role: column_cells(rows_at(df, [position]), name)[0] for role, name in self.columns.items()}

    def keys(self, df: DataFrame, positions: Iterable[int] | None = None) -> Iterator[str]:
        """`Conversation.key` of each row, by position; most rows give theirs without a conversation."""
        if tuple(self.columns) != _PAIR:
            yield from (conversation.key for conversation in self.read(df, positions))
            return
        picked = rows_at(df, positions)
        for prompt, response in zip(
            column_cells(picked, self.prompt), column_cells(picked, self.response), strict=True
        ):
            if cells.plain(prompt, response):
                yield plain_key(prompt, response)
            else:
                yield self.conversation({"prompt": prompt, "response": response}).key

    def conversation(self, given: Mapping[str, Any]) -> Conversation:
        """The conversation of one row, from its cells by role."""
        if tuple(given) == _PAIR and cells.plain(given["prompt"], given["response"]):
            return Conversation(
                (
                    {"role": "user", "content": given["prompt"]},
                    {"role": "assistant", "content": given["response"]},
                )
            )
        try:
            messages = self._messages(given)
        except cells.UnusableCellError as problem:
            return _unusable(given, str(problem))
        except RecursionError:
            return _unusable(given, "a cell is nested too deep")
        if not any(m["role"] != "system" for m in messages):
            return _unusable(given, "the request is empty")
        if messages[-1]["role"] == "assistant" and len(messages) == 1:
            return _unusable(given, "there is a response but no request")
        return Conversation(tuple(messages))

    def _messages(self, given: Mapping[str, Any]) -> list[Message]:
        messages = cells.system(given.get("system"))
        if self.messages is not None:
            messages += cells.turns(given["messages"], "the conversation")
        else:
            messages += cells.request(given["prompt"], given.get("context"))
            messages += cells.response(given.get("response"), given.get("repaired"), given.get("verified"))
        reasoning = cells.reasoning_text(given.get("reasoning"))
        if reasoning and messages and messages[-1]["role"] == "assistant":
            messages[-1] = {**messages[-1], "reasoning_content": reasoning}
        tools = cells.tools(given.get("tools"))
        if tools and messages:
            messages[0] = {**messages[0], "tools": tools}
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


def _unusable(given: Mapping[str, Any], problem: str) -> Conversation:
    return Conversation((), problem, raw_key(given))


def detect(df: DataFrame) -> Layout:
    """Finds the layout of a frame by its column names and first rows.

    Raises:
        LayoutError: the frame has no rows or no columns that are known; the text shows what there is.
    """
    if len(df.columns) == 0 or len(df) == 0:
        raise LayoutError(
            f"The frame has {len(df)} rows and {len(df.columns)} columns; there is nothing to reason about.",
            'df = DataFrame({"prompt": ["…"], "response": ["…"]})',
        )
    names = {_fold(name): name for name in reversed(list(df.columns))}
    system = next((names[s] for s in SYSTEMS if s in names), None)
    for candidate in LISTS:
        if candidate in names and _holds_turns(column_cells(df, names[candidate])):
            return Layout(
                messages=names[candidate],
                system=system,
                unmask=names.get("unmask"),
                tools=_tools(df, names),
                guessed=True,
            ).check(df)
    for known in HUB:
        if _is(known, names):
            return _of(known, names).check(df)
    pair = next(((p, r) for p, r in PAIRS if p in names and r in names), None) or _beside(names)
    if pair is None:
        raise _unclear(df, "It is not clear which columns hold requests and responses.")
    prompt, response = pair
    return Layout(
        prompt=names[prompt],
        response=names[response],
        system=system,
        context=names.get("input") if prompt == "instruction" else None,
        reasoning=_find_reasoning(names, response),
        tools=_tools(df, names),
        guessed=True,
    ).check(df)


def _is(known: HubLayout, names: Mapping[str, Any]) -> bool:
    wanted = (known.prompt, known.response, *known.needs)
    found = not known.reasoning or any(name in names for name in known.reasoning)
    return all(name in names for name in wanted) and found


def _of(known: HubLayout, names: Mapping[str, Any]) -> Layout:
    def first(candidates: tuple[str, ...]) -> Any:
        return next((names[name] for name in candidates if name in names), None)

    return Layout(
        prompt=names[known.prompt],
        response=names[known.response],
        system=names.get(known.system) if known.system else first(SYSTEMS),
        reasoning=first(known.reasoning),
        repaired=names.get(known.repaired),
        verified=first(known.verified),
        guessed=True,
    )


def _beside(names: Mapping[str, Any]) -> tuple[str, str] | None:
    """A response that is known by the reasoning beside it, as Data Designer writes it."""
    response = next((n.removesuffix(SUFFIX) for n in names if n.endswith(SUFFIX)), None)
    prompt = next((name for name in REQUESTS if name in names and name != response), None)
    return (prompt, response) if response in names and prompt else None  # type: ignore[return-value]


def _find_reasoning(names: Mapping[str, Any], response: str) -> Any:
    for candidate in (f"{response}{SUFFIX}", *ANY_REASONING):
        # A `reasoning` column of dicts beside `reasoning_status` is the product's own, not the data's.
        if candidate in names and not (candidate == "reasoning" and "reasoning_status" in names):
            return names[candidate]
    return None


def _tools(df: DataFrame, names: Mapping[str, Any]) -> Any:
    """The column of tools, where it holds descriptions of such."""
    if "tools" not in names:
        return None
    try:
        found = next((cell for cell in map(cells.tools, column_cells(df, names["tools"])) if cell), None)
    except cells.UnusableCellError:
        return None
    return names["tools"] if found is not None and {"function", "name"} & set(found[0]) else None


def _holds_turns(column: Iterable[object]) -> bool:
    first = next((cell for cell in column if not missing(cell)), None)
    try:
        return bool(cells.turns(first, "")) if first is not None else False
    except cells.UnusableCellError:
        return False


def _unclear(df: DataFrame, why: str) -> LayoutError:
    columns = ", ".join(
        f"{name!r} ({clip(str(cell), 30)})" if len(df) else repr(name)
        for name, cell in zip_longest(df.columns, first_cells(df))
    )
    words = [repr(name) for name in df.columns][:2]
    words += ['"…"'] * (2 - len(words))
    return LayoutError(
        f"{why} Columns: {columns or 'none'}.",
        f'df.reason.layout(prompt={words[0]}, response={words[1]})   or   df.reason.layout(messages="…")',
    )


def _fold(name: object) -> str:
    return str(name).strip().casefold().replace(" ", "_").replace("-", "_")


def _same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b
