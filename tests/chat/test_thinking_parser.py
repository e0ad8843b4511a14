from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonbook.chat import ThinkingParser

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


PIECES = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<",
            "</",
            "think>",
            "\n",
            "  ",
            "A",
            "é",
            "b b",
            "<|im_end|>",
            "<EOS>",
            "<|im",
        ]
    ),
    max_size=12,
)


@given(PIECES, st.booleans(), st.data())
def test_streaming_gives_what_parsing_the_whole_gives(pieces, prefilled, data):
    text = "".join(pieces)
    parser = OPENED if prefilled else PARSER
    whole = parser.parse(text)
    # Left out: what only the end can tell, such as a closing tag that nothing opened.
    if not prefilled and not text.lstrip().startswith("<think>") and "think>" in text:
        return
    if whole.flags and "never ended" not in whole.flags[0] and "nothing" not in whole.flags[0]:
        return
    if text.count("<think>") + prefilled > 1:
        return
    stream = parser.stream()
    given_pieces: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        size = data.draw(st.integers(1, 7))
        given_pieces += stream.feed(text[at : at + size])
        at += size
    given_pieces += stream.close()
    said = {kind: "".join(t for k, t in given_pieces if k == kind) for kind in ("thinking", "answer")}
    assert (said["thinking"].strip(), said["answer"].strip()) == (whole.thinking, whole.answer)
    assert stream.parsed == whole


def test_streaming_does_not_wait_for_the_end():
    stream = PARSER.stream()
    assert stream.feed("<think>\nfirst step") == [("thinking", "first step")]
    assert stream.feed(" and </thi") == [("thinking", " and")]
    assert stream.feed("nk>\n\n4") == [("answer", "4")]
    assert stream.feed("2<|im_") == [("answer", "2")]
    assert stream.feed("end|>") == [] and stream.close() == []
