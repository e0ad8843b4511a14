"""Layout: which columns, or which keys inside a column, hold requests, responses and reasoning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import LayoutError, choices
from ...html_card import card, table
from ..conversation import Conversation, Message, is_mapping, is_sequence, missing, plain_key, raw_key
from ..typed_pandas import DataFrame, column_cells, rows_at
from . import cells
from .account import LayoutAccount
from .columns import Column, Columns, fold, unclear
from .messages import KNOWN_KEYS, UnusableCellError, turns
from .values import FORMS, kind_of, text_of

# In the order in which they are told.
PARTS = (
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
        account: what it takes from a frame and leaves over, where `accounted` has looked.
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
    account: LayoutAccount | None = field(default=None, compare=False, repr=False)

    @property
    def columns(self) -> dict[str, Any]:
        """Role → column, for those that are set."""
        return {role: getattr(self, role) for role in PARTS if getattr(self, role) is not None}

    @classmethod
    def named(cls, columns: Mapping[str, Any]) -> Layout:
        """The layout of these columns by role.

        Raises:
            LayoutError: there is no such role.
        """
        for unknown in set(columns) - set(PARTS):
            raise LayoutError(f"A layout has no part {unknown!r}.", choices(unknown, PARTS))
        return cls(**columns)

    def check(self, df: DataFrame) -> Layout:
        """The layout itself, when every named column exists exactly once.

        Raises:
            LayoutError: a column is absent, stands twice, or neither a request nor a conversation is named.
        """
        if self.messages is None and self.prompt is None:
            raise unclear(df, "Name the column of requests, or the column of conversations.")
        for role, column in self.columns.items():
            count = sum(1 for name in df.columns if _same(name, column))
            if count != 1:
                why = "is not there" if count == 0 else f"stands {count} times"
                raise unclear(df, f"The column {column!r} for {role} {why}.")
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
            words = cells.plain(prompt, response)
            if words is not None:
                yield plain_key(prompt, words)
            else:
                yield self.conversation({"prompt": prompt, "response": response}).key

    def conversation(self, given: Mapping[str, Any]) -> Conversation:
        """The conversation of one row, from its cells by role."""
        if tuple(given) == _PAIR:
            words = cells.plain(given["prompt"], given["response"])
            if words is not None:
                asked = {"role": "user", "content": given["prompt"]}
                return Conversation((asked, {"role": "assistant", "content": words}))
        try:
            messages = self._messages(given)
        except UnusableCellError as problem:
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
            messages += turns(given["messages"], str(self.messages))
        else:
            messages += cells.request(given["prompt"], given.get("context"), str(self.prompt))
            messages += cells.response(
                given.get("response"), given.get("repaired"), given.get("verified"), str(self.response)
            )
        reasoning = cells.reasoning_text(given.get("reasoning"), str(self.reasoning))
        if reasoning and messages and messages[-1]["role"] == "assistant":
            # What a column brings that nobody named does not take the place of the response's own thinking.
            own = messages[-1].get("reasoning_content") if self.guessed else None
            messages[-1] = {**messages[-1], "reasoning_content": own or reasoning}
        tools = cells.tools(given.get("tools"))
        if tools and messages:
            messages[0] = {**messages[0], "tools": tools}
        return messages

    # -- what it makes of a frame --------------------------------------------------------------------------
    def accounted(self, df: DataFrame) -> Layout:
        """The same layout with the account of every row and column of the frame, for its card."""
        responses = requests = reasoned = 0
        problems: dict[int, str] = {}
        for row, conversation in enumerate(self.read(df)):
            if conversation.problem:
                problems[row] = conversation.problem
            elif conversation.has_response:
                responses += 1
            else:
                requests += 1
            reasoned += bool(conversation.reasoning)
        left = self._left(df)
        account = LayoutAccount(
            rows=len(df),
            responses=responses,
            requests=requests,
            reasoned=reasoned,
            problems=problems,
            converted=tuple(self.converted(df)),
            unused={str(column.name): column.holds for column in left} | self._unused_keys(df),
            asks=(*map(self._ask, filter(_long, left)), *self._ratings(df)),
        )
        return replace(self, account=account)

    def notes(self, df: DataFrame) -> list[str]:
        """What a job on these rows should say: what is converted, and long texts that nobody said to leave out."""
        return [*self.converted(df), *(map(self._ask, filter(_long, self._left(df))) if self.guessed else ())]

    def converted(self, df: DataFrame) -> Iterator[str]:
        """Which columns are made into text, how many cells of them, in which form."""
        for role in ("response", "repaired", "context"):
            name = self.columns.get(role)
            if name is None:
                continue
            found: dict[str, list[Any]] = {}
            for cell in column_cells(df, name):
                if type(cell) is not str and (kind := kind_of(cell)):
                    found.setdefault(kind, []).append(cell)
            for kind, values in found.items():
                shown = f"{values[0]} → {text_of(values[0])!r}"
                yield f"{name}: {len(values):,} {kind} as text, {FORMS[kind]} ({shown})"

    def _left(self, df: DataFrame) -> list[Column]:
        """The columns that are not used and hold something."""
        columns, used = Columns(df), set(self.columns.values())
        return [columns[name] for name in columns if columns.name(name) not in used and columns[name].cells]

    def _ratings(self, df: DataFrame) -> Iterator[str]:
        """The sentence about ratings inside the answers, as Kiln's runs have them, which a review does not see."""
        if self.response is not None and "rating" not in df.columns:
            held = Columns(df)[fold(self.response)].cells
            if any(is_mapping(cell) and is_mapping(cell.get("rating")) for cell in held):
                yield f"{self.response!r} holds ratings, which a review does not see there → df = rb.frame(df)"

    def _ask(self, column: Column) -> str:
        """The sentence about a column of long texts that is not used, with the line that takes it in."""
        role = next((role for role in ("reasoning", "context") if getattr(self, role) is None), "response")
        line = f"df.reason.layout({self._words({**self.columns, role: column.name})})"
        return f"{column.name!r} holds texts of {column.length:,.0f} characters and is not used → {line}"

    def _unused_keys(self, df: DataFrame) -> dict[str, str]:
        """Keys of messages that hold something and are not used."""
        if self.messages is None:
            return {}
        column = Columns(df)[fold(self.messages)]
        found = {
            key
            for cell in column.cells
            if is_sequence(cell)
            for item in cell
            if is_mapping(item)
            for key, value in item.items()
            if key not in KNOWN_KEYS and not missing(value)
        }
        return {f"{self.messages}[].{key}": "a key of messages" for key in sorted(found)}

    # -- shown -------------------------------------------------------------------------------------------
    @staticmethod
    def _words(columns: Mapping[str, Any]) -> str:
        return ", ".join(f"{role}={columns[role]!r}" for role in PARTS if role in columns)

    def __repr__(self) -> str:
        return f"Layout({self._words(self.columns)})"

    def _repr_html_(self) -> str:
        notes = [f"Not right? df.reason.layout({self._words(self.columns)})"] if self.guessed else []
        return card(
            "Layout, as found" if self.guessed else "Layout, as named",
            self.account.facts if self.account else None,
            body=table(("role", "column"), self.columns.items()),
            notes=[*(self.account.lines if self.account else ()), *notes],
            next_verb="df.reason.augment(schema, teacher=…)",
        )


def _unusable(given: Mapping[str, Any], problem: str) -> Conversation:
    return Conversation((), problem, raw_key(given))


def _long(column: Column) -> bool:
    return column.long


def _same(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b
