"""Turns: a row of the frame as one training row per assistant turn, by strategy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...data.conversation import REASONING_KEYS, Message, missing, turn_weight
from ...data.row_account import EMPTY
from ...data.training_rows import ChatRow
from ...data.turn_reasoning import TurnCountError, by_turn
from ...errors import FormatError
from ..config import ChatConfig
from ..reasoning_text import NOTHING, Thought, thought
from .guard import Guard, ReservedMarkerError

# The two-message form as Kiln writes it, so that data and prompts are exchangeable.
_REQUEST = "The input is:\n<user_input>\n{request}\n</user_input>\n\n{instructions}"
_NOT_EXTRA = ("role", "content", "weight", *REASONING_KEYS)
_CONCLUDE = "Considering the above, return a final result."


class UnusableRowError(Exception):
    """A row cannot become training rows; the text says why, for the report."""


class TrainingTurn(NamedTuple):
    """One assistant turn to be learnt.

    Attributes:
        number: which assistant turn of its row, from 0.
        prompt: the messages before it.
        answer: its text.
        thought: the reasoning before the answer; for the first half of ``two_message_cot`` the whole message.
        extra: what else the message holds, such as tool calls.
        first: where the messages begin that no earlier turn of this row has had.
        is_thought: the message is itself the reasoning (first half of ``two_message_cot``).
        weight: how much its loss counts.
    """

    number: int
    prompt: list[Message]
    answer: str
    thought: Thought = NOTHING
    extra: Mapping[str, Any] | None = None
    first: int = 0
    is_thought: bool = False
    weight: float = 1.0


def turns_of(row: ChatRow, strategy: str, config: ChatConfig, guard: Guard) -> Iterator[TrainingTurn]:
    """The turns of a row.

    Raises:
        UnusableRowError: the row has to be left out.
    """
    conversation = row.conversation
    if conversation.problem:
        raise UnusableRowError(conversation.problem)
    if not conversation.has_response:
        raise UnusableRowError("there is no response")
    last = len(conversation.messages) - 1
    thoughts = {} if strategy == "final_only" else thoughts_of(row, config)
    learns = strategy != "final_only" and conversation.messages[last].get("weight") != 0
    if last not in thoughts and learns and config.missing in ("drop", "error") and config.plain != "keep":
        if config.missing == "drop":
            raise UnusableRowError(EMPTY)
        raise FormatError(
            f"Row {row.position} has no reasoning.",
            'ChatConfig(missing="drop")   or   ChatConfig(missing="keep") to train it as a plain row',
        )
    try:
        thoughts = {at: guard.thought(made) for at, made in thoughts.items()}
        messages = tuple(guard.messages(conversation.messages))
    except ReservedMarkerError as why:
        raise UnusableRowError(str(why)) from why
    told = with_thoughts(messages, thoughts, strategy)
    first = 0
    count = 0
    learnt = unlearnt = False
    for at, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        weight = _weight(message)
        if not weight:
            unlearnt = True
        elif at == last or (config.turns == "all" and at > 0):
            learnt = True
            own = thoughts.get(at, NOTHING)
            made = _turn(list(told[:at]), message, own, at == last, strategy, config, first, count)
            yield from made if weight == 1 else (turn._replace(weight=weight) for turn in made)
        first = at + 1
        count += 1
    if unlearnt and not learnt:
        raise UnusableRowError("none of its assistant turns is to be learnt (weight 0)")


def thoughts_of(row: ChatRow, config: ChatConfig) -> dict[int, Thought]:
    """The reasoning before each assistant message of a row, by the message's place; the data's own where no other is.

    Raises:
        UnusableRowError: the row's reasoning is for another number of turns.
    """
    conversation = row.conversation
    try:
        entries = by_turn(row.reasoning, len(conversation.turn_ends))
    except TurnCountError as why:
        raise UnusableRowError(str(why)) from why
    found: dict[int, Thought] = {}
    for at, entry in zip(conversation.turn_ends, entries, strict=True):
        made = thought(entry, config.style, config.prose)
        if not made:
            message = conversation.messages[at]
            own = next((message[key] for key in REASONING_KEYS if message.get(key)), None)
            made = thought(own) if isinstance(own, str) else NOTHING
        if made:
            found[at] = made
    return found


def with_thoughts(
    messages: tuple[Message, ...], thoughts: Mapping[int, Thought], strategy: str
) -> tuple[Message, ...]:
    """The messages as later turns are asked after them: what they show of earlier thinking is the template's to say."""
    if strategy != "final_and_reasoning" or not any(at < len(messages) - 1 for at in thoughts):
        return messages
    told = list(messages)
    for at, made in thoughts.items():
        told[at] = {**messages[at], "reasoning_content": made.text}
    return tuple(told)


def first_request(prompt: list[Message], instructions: str) -> list[Message]:
    """The prompt whose last request asks for thinking: the first call of ``two_message_cot``."""
    at = max((i for i, m in enumerate(prompt) if m["role"] == "user"), default=None)
    if at is None:
        return prompt
    text = _REQUEST.format(request=prompt[at]["content"], instructions=instructions)
    return [*prompt[:at], {**prompt[at], "content": text}, *prompt[at + 1 :]]


def second_request(prompt: list[Message], instructions: str, thought_text: str) -> list[Message]:
    """The prompt after the thinking came back: the second call of ``two_message_cot``."""
    return [
        *first_request(prompt, instructions),
        {"role": "assistant", "content": thought_text},
        {"role": "user", "content": _CONCLUDE},
    ]


def _weight(message: Message) -> float:
    try:
        return turn_weight(message)
    except ValueError as why:
        raise UnusableRowError(f"the weight of an assistant turn is {why}") from why


def _turn(
    prompt: list[Message],
    message: Message,
    own: Thought,
    is_last: bool,
    strategy: str,
    config: ChatConfig,
    first: int,
    number: int,
) -> Iterator[TrainingTurn]:
    answer = message.get("content") or ""
    extra = {k: v for k, v in message.items() if k not in _NOT_EXTRA and v is not None}
    if missing(answer) and not extra.get("tool_calls") and not own:
        if not is_last:
            return  # an empty earlier turn teaches nothing; it stays in the history
        raise UnusableRowError("the response is empty")
    if strategy != "two_message_cot" or not own:
        yield TrainingTurn(number, prompt, answer, own, extra or None, first)
        return
    asked = first_request(prompt, config.thinking_instructions)
    yield TrainingTurn(number, asked, own.text, own, None, first, is_thought=True)
    concluded = second_request(prompt, config.thinking_instructions, own.text)
    yield TrainingTurn(number, concluded, answer, NOTHING, extra or None, len(concluded) - 1)
