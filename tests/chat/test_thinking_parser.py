from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbook.chat import ChatConfig, ChatFormat, Parsed, ThinkingParser

from .students import student

PARSER = ThinkingParser(stops=("<|im_end|>", "<EOS>"))
OPENED = ThinkingParser(stops=("<|im_end|>", "<EOS>"), prefilled=True)
HARMONY = ThinkingParser(
    "<|channel|>analysis<|message|>",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
    stops=("<|return|>",),
)


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        (PARSER, "<think>A</think>B", ("A", "B", "valid")),
        (PARSER, "\n<think>\n A \n</think>\n\n B \n<|im_end|>\n<EOS>", ("A", "B", "valid")),
        (PARSER, "A\n</think>\n\nB", ("A", "B", "valid")),  # the prompt had the opening tag
        (OPENED, "A\n</think>\n\nB", ("A", "B", "valid")),
        (PARSER, "<think>\n\n</think>\n\nB", ("", "B", "empty")),
        (OPENED, "\n</think>\n\nB", ("", "B", "empty")),
        (PARSER, "just B", ("", "just B", "missing")),
        (OPENED, "still thinking", ("still thinking", "", "unfinished")),
        (PARSER, "<think>still thinking", ("still thinking", "", "unfinished")),
        (PARSER, "<think>A</think>", ("A", "", "valid")),
        (PARSER, "", ("", "", "missing")),
        (
            HARMONY,
            "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
            ("A", "B", "valid"),
        ),
    ],
)
def test_parse(parser, text, expected):
    parsed = parser.parse(text)
    assert (parsed.thinking, parsed.answer, parsed.health) == expected
    assert parsed.text == text


def test_odd_texts_are_flagged_and_kept():
    several = PARSER.parse("<think>A</think>B<think>C</think>D")
    assert several.flags == ("several thinking blocks",) and several.answer == "B<think>C</think>D"
    assert PARSER.parse("<think>A</think>\n").flags == ("nothing follows the thinking",)
    assert PARSER.parse("Hello <think>A</think>B").flags == ("text stands before the thinking",)
    assert PARSER.parse("<think>A").flags == ("the thinking never ended",)


def test_reasoning_that_came_apart_is_left_alone():
    parsed = PARSER.parse(" B mentions </think> \n", reasoning=" A ")
    assert (parsed.thinking, parsed.answer, parsed.health) == ("A", "B mentions </think>", "valid")
    assert PARSER.parse("B", reasoning=" ").health == "empty"


@cache
def escapes():
    return ChatFormat(student("qwen3"), config=ChatConfig(markers="escape")).markers


PARSERS = {
    "unknown": PARSER,
    "opened": OPENED,
    "not opened": replace(PARSER, prefilled=False),
    "answers": replace(PARSER, prefilled=False, plain="<think>\n\n</think>", opening="<think>\n"),
    "channels": replace(HARMONY, mark="<|end|>", plain="<|channel|>final<|message|>", prefilled=False),
    "stop that closes": ThinkingParser("<think>", "<EOS>", stops=("<EOS>",), prefilled=True),
}
MARKS = (
    "<think> </think> < </ think> <|im_end|> <EOS> <|im <|channel|> analysis final <|message|> <|end|> <|start|> "
    "assistant <|return|>"
)
PIECES = st.lists(st.sampled_from([*MARKS.split(), "\n", "  ", "A", "é", "b b", "\u200b"]), max_size=14)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(PARSERS)), st.booleans(), PIECES, st.data())
def test_streaming_gives_what_parsing_the_whole_gives(name, escaped, pieces, data):
    text = "".join(pieces)
    parser = replace(PARSERS[name], escapes=escapes() if escaped else None)
    whole = parser.parse(text)
    stream = parser.stream()
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        size = data.draw(st.integers(1, 9))
        found += stream.feed(text[at : at + size])
        at += size
    found += stream.close()
    said = {kind: "".join(t for k, t in found if k == kind) for kind in ("thinking", "answer")}
    assert (said["thinking"], said["answer"]) == (whole.thinking, whole.answer)
    assert stream.parsed == whole and whole.text == text


def test_what_stands_between_thinking_and_answer_is_taken_off_whole():
    parser = PARSERS["channels"]
    final = parser.parse("<|channel|>final<|message|>B<|return|>")
    assert (final.thinking, final.answer, final.health) == ("", "B", "missing")
    cut = parser.parse("<|channel|>analysis<|message|>A<|end|><|start|>assis")
    assert (cut.thinking, cut.answer) == ("A", "") and "nothing follows" in cut.flags[0]
    call = parser.parse(
        "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>commentary<|message|>{}"
    )
    assert (call.thinking, call.answer) == ("A", "<|start|>assistant<|channel|>commentary<|message|>{}")


def test_unfinished_thinking_never_becomes_the_answer():
    assert OPENED.parse("A<|im_end|>") == Parsed(
        "A", "", "unfinished", ("the thinking never ended",), "A<|im_end|>"
    )
    known = PARSERS["not opened"]
    assert known.parse("A</think>B").answer == "A</think>B" and known.parse("A</think>B").flags
    assert known.parse("\n<think>A").answer == ""


def test_streaming_does_not_wait_for_the_end():
    stream = PARSER.stream()
    assert stream.feed("<think>\nfirst step") == [("thinking", "first step")]
    assert stream.feed(" and </thi") == [("thinking", " and")]
    assert stream.feed("nk>\n\n4") == [("answer", "4")]
    assert stream.feed("2<|im_") == [("answer", "2")]
    assert stream.feed("end|>") == [] and stream.close() == []
