"""Hostile answers: real ones in each protocol, mutated in structure, in text and in bytes, from a seed.

``python -m tests.servers.hostile 100000`` sends so many through the decoders and prints what came of them.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from .answers import filled
from .dialects import Said, write

DIALECTS = ("chat", "responses", "messages")
DEEP = "[" * 50_000
_RAW = "@raw@"  # a value of this name is written as the JSON after it, quotes taken away
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, -10**12, 10**12, 2**63, 2**64, 0.5, 1e308, float("nan"), float("inf"), float("-inf"),
    "", " ", "7", "seven", "\ud800", "\udfff x", "\x00\x1b[31m", "\u200b", "x" * 5_000, "{", "}", '{"a":', "null",
    [], {}, [None], [[]], [{}], [1, "a", None], {"a": {}}, {"type": []}, {"": ""}, {"type": "text"}, ["text"],
    _RAW + "1" + "0" * 400, _RAW + "1" + "0" * 5_000, _RAW + "1e999", _RAW + "[" * 900 + "]" * 900,
    _RAW + '{"a":' * 300 + "1" + "}" * 300,
)  # fmt: skip
CODES: tuple[Any, ...] = (
    429, "429", 500, 503, 529, 401, 402, 400, -1, 10**30, None, [], "rate_limit_exceeded", "insufficient_quota",
    "invalid_api_key", "overloaded_error", "server_error", "RESOURCE_EXHAUSTED", "invalid_request_error", "odd",
)  # fmt: skip


class Hostile:
    """An endless supply of answers that no provider should give.

    Args:
        dialect: the protocol of the answers that are mutated.
        schema: JSON Schema of what they answer.
        seed: the same seed gives the same bodies.
    """

    def __init__(self, dialect: str, schema: dict[str, Any], seed: int = 0) -> None:
        self.dialect, self.schema = dialect, schema
        self.random = random.Random(f"{seed}:{dialect}")
        self._ways: tuple[Callable[[], bytes], ...] = (
            self._structure, self._structure, self._structure, self._text, self._text, self._bytes, self._bytes,
            self._stream, self._error, self._whole,
        )  # fmt: skip

    def body(self) -> bytes:
        """The next one."""
        return self.random.choice(self._ways)()

    def answer(self, text: str | None = None) -> dict[str, Any]:
        """A real answer of the protocol."""
        if text is None:
            text = json.dumps(filled(self.schema, f"ROW-{self.random.randrange(10**6):06d}"))
        thinking = "A thought." if self.random.random() < 0.3 else ""
        stop = self.random.choice(("stop", "stop", "stop", "length", "refusal", "filter"))
        carrier = self.random.choice(("reasoning", "reasoning_content"))
        return write(self.dialect, Said(text, thinking, stop), carrier)

    # -- the ways ------------------------------------------------------------------------------------------
    def _structure(self) -> bytes:
        answer: Any = self.answer()
        for _ in range(self.random.randint(1, 3)):
            answer = self.mutated(answer)
        return dumped(answer)

    def _text(self) -> bytes:
        values: Any = filled(self.schema, "ROW-000001")
        for _ in range(self.random.randint(1, 3)):
            values = self.mutated(values)
        text = dumped(values).decode()
        dress = self.random.choice(
            (
                "{}",
                "{}",
                "```json\n{}\n```",
                "<think>so</think>{}",
                "Here: {} done",
                "{} {}",
                '{{"a": {}',
                "```{}",
            )
        )
        text = dress.replace("{}", text)
        if self.random.random() < 0.2:
            text = self.random.choice(
                ("", " " * 50_000, "`" * 9_999, "{" * 9_999, DEEP, "<think>" * 999, "\ud83d")
            )
        answer = self.answer(text)
        return dumped(self._in_a_tool_call(answer, text) if self.random.random() < 0.2 else answer)

    def _bytes(self) -> bytes:
        raw = bytearray(dumped(self.answer()))
        for _ in range(self.random.randint(1, 8)):
            at = self.random.randrange(len(raw) + 1)
            way = self.random.randrange(6)
            if way == 0:
                raw[at : at + 1] = bytes([self.random.randrange(256)])
            elif way == 1:
                del raw[at:]
            elif way == 2:
                raw[at:at] = self.random.randbytes(self.random.randint(1, 12))
            elif way == 3:
                del raw[at : at + self.random.randint(1, 20)]
            elif way == 4:
                raw[at:at] = self.random.choice(
                    (b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\x00", b'"', b"}", b",")
                )
            else:
                raw = bytearray(self.random.choice((b"\xef\xbb\xbf", b"\n\n", b")]}',\n", b"\x1f\x8b"))) + raw
        return bytes(raw)

    def _stream(self) -> bytes:
        pieces = streamed(self.dialect, self.answer(), self.random.randint(1, 40))
        for _ in range(self.random.randrange(3)):
            at = self.random.randrange(len(pieces))
            way = self.random.randrange(4)
            if way == 0:
                del pieces[at:]
            elif way == 1:
                pieces[at] = self.mutated(pieces[at])
            elif way == 2:
                pieces.insert(
                    at, self.random.choice(({"error": {"code": 429}}, {"type": "error"}, {}, "odd", []))
                )
            else:
                pieces[at] = (
                    pieces[at] if not isinstance(pieces[at], dict) else dict(list(pieces[at].items())[:1])
                )
            if not pieces:
                break
        return as_stream(pieces, broken=self.random.random() < 0.1)

    def _error(self) -> bytes:
        error: Any = {"message": self.random.choice(ODD), "type": self.random.choice((*CODES, *ODD))}
        error["code"] = self.random.choice(self.random.choice((CODES, ODD)))
        if self.random.random() < 0.3:
            error = self.mutated(error)
        inside: Any = {"error": error}
        if self.random.random() < 0.3:
            inside = {**self.answer(), **inside}
        if self.random.random() < 0.2:
            inside = {"type": "error", **inside} if self.random.random() < 0.5 else [inside]
        return dumped(inside)

    def _whole(self) -> bytes:
        ready = (b"", b"null", b"[]", b"{}", b"true", b'"text"', b"7", b"<h1>ok</h1>", b"OK", b"\x00" * 64, b"NaN",
                 DEEP.encode(), b'{"a":' * 50_000, b"[1,2", b"data: ", b": wait\n\n", b"data: [DONE]\n\n")  # fmt: skip
        if self.random.random() < 0.2:
            return self.random.randbytes(self.random.randint(1, 400))
        return self.random.choice((*ready, dumped(self.random.choice(ODD)), dumped([self.answer()])))

    # -- pieces --------------------------------------------------------------------------------------------
    def mutated(self, whole: Any) -> Any:
        """The value with one place in it changed."""
        place = self.random.choice(list(_places(whole)))
        way = self.random.randrange(5)

        def change(value: Any) -> Any:
            if way == 0:
                return self.random.choice(ODD)
            if way == 1 and isinstance(value, dict) and value:
                gone = self.random.choice(list(value))
                return {k: v for k, v in value.items() if k != gone}
            if way == 2 and isinstance(value, dict) and value:
                odd = self.random.choice(list(value))
                return {(k + "x" if k == odd else k): v for k, v in value.items()}
            if way == 3:
                return [value, value] if self.random.random() < 0.5 else {"0": value}
            return str(value) if isinstance(value, (int, float)) else self.random.choice(ODD)

        return _changed(whole, place, change)

    def _in_a_tool_call(self, answer: dict[str, Any], text: str) -> dict[str, Any]:
        given: Any = text
        if self.random.random() < 0.3:
            given = self.random.choice(ODD)
        return tool_call(self.dialect, answer, given)


def tool_call(dialect: str, answer: dict[str, Any], arguments: Any) -> dict[str, Any]:
    """The answer with its values in the arguments of a tool call, and no text."""
    if dialect == "chat":
        call = {"id": "c", "type": "function", "function": {"name": "answer", "arguments": arguments}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return {**answer, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    if dialect == "responses":
        call = {"type": "function_call", "call_id": "c", "name": "answer", "arguments": arguments}
        return {**answer, "status": "completed", "output": [call]}
    block = {"type": "tool_use", "id": "t", "name": "answer", "input": arguments}
    return {**answer, "content": [block], "stop_reason": "tool_use"}


def streamed(dialect: str, answer: dict[str, Any], size: int = 12) -> list[Any]:
    """A whole answer as the events of a stream, its text in pieces of so many letters."""
    if dialect == "chat":
        message = answer["choices"][0]["message"]
        events: list[Any] = [{"choices": [{"delta": {"role": "assistant"}}]}]
        for name in ("reasoning", "reasoning_content", "content", "refusal"):
            events += [{"choices": [{"delta": {name: piece}}]} for piece in _cut(message.get(name), size)]
        finish = answer["choices"][0]["finish_reason"]
        events.append({"choices": [{"delta": {}, "finish_reason": finish}]})
        return [*events, {"choices": [], "usage": answer["usage"]}]
    if dialect == "responses":
        kind = "response.incomplete" if answer["status"] == "incomplete" else "response.completed"
        text = answer["output"][-1]["content"][0].get("text")
        deltas = [{"type": "response.output_text.delta", "delta": piece} for piece in _cut(text, size)]
        return [{"type": "response.created"}, *deltas, {"type": kind, "response": answer}]
    head = {**answer, "content": [], "stop_reason": None}
    events = [{"type": "message_start", "message": head}]
    for number, block in enumerate(answer["content"]):
        name = "thinking" if block["type"] == "thinking" else "text"
        events.append({"type": "content_block_start", "index": number, "content_block": {**block, name: ""}})
        for piece in _cut(block[name], size):
            delta = {"type": f"{name}_delta", name: piece}
            events.append({"type": "content_block_delta", "index": number, "delta": delta})
    usage = {"output_tokens": answer["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": {"stop_reason": answer["stop_reason"]}, "usage": usage})
    return [*events, {"type": "message_stop"}]


def as_stream(events: list[Any], *, broken: bool = False) -> bytes:
    """Events as the lines of a stream."""
    lines = [b"data: " + dumped(event) for event in events]
    if broken and lines:
        lines[len(lines) // 2] = lines[len(lines) // 2][:-3]
    return b": hello\n\n" + b"\n\n".join([*lines, b"data: [DONE]", b""])


def dumped(value: Any) -> bytes:
    """JSON as providers write it, and as they never should: NaN, half characters, numbers of any length."""
    text = json.dumps(value)
    while _RAW in text:
        before, _, after = text.partition(f'"{_RAW}')
        raw, quote, rest = after.partition('"')
        if not quote:
            return text.replace(_RAW, "").encode()
        if raw.endswith("\\"):  # JSON inside: its quotes are escaped
            raw, rest = _unquoted(after)
        text = before + raw + rest
    return text.encode()


def _unquoted(after: str) -> tuple[str, str]:
    value, end = json.JSONDecoder().raw_decode('"' + after)
    return value, after[end - 1 :]


def _cut(text: str | None, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)] if text else []


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, (*path, number))


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    step, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[step] = _changed(copy[step], tuple(rest), change)
    return copy


def main(count: int, seed: int) -> None:
    from tests.teachers.test_decoding import KINDS, SCHEMA, judged

    results: Counter[str] = Counter()
    for dialect in DIALECTS:
        hostile = Hostile(dialect, SCHEMA.json_schema(), seed)
        results.update(f"{dialect} {judged(dialect, hostile.body())}" for _ in range(count // len(DIALECTS)))
    for name, number in sorted(results.items()):
        print(f"{number:8d}  {name}")
    print(f"{results.total():8d}  bodies, kinds of errors: {', '.join(KINDS)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
