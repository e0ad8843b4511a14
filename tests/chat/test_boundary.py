"""The ids of a prompt are the same in training and at inference, for every kind of tokenizer and end of a prompt."""

from __future__ import annotations

from functools import cache

import pytest

from reasonbook.chat import ChatConfig, ChatFormat
from reasonbook.chat.builder import DatasetBuilder
from reasonbook.chat.rendering.alignment import Encodings, TokenAligner
from reasonbook.chat.rendering.cuts import NO_HEAD
from reasonbook.chat.rendering.growable_arrays import RowBuffer
from reasonbook.chat.rendering.segments import RenderedRow
from reasonbook.errors import FormatError

from .students import KINDS, learnt_text, row, tokenizer

TALK = (
    "{%- for m in messages -%}<|im_start|>{{ m.role + END + m.content }}<|im_end|>{{ '\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>{{ 'assistant' + END }}{%- endif -%}"
)
WORDS = (  # no special token anywhere in the prompt
    "{%- for m in messages -%}{{ m.role + END + m.content }}"
    "{{- '<|im_end|>\\n' if m.role == 'assistant' else '\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'assistant' + END }}{%- endif -%}"
)
ENDS = ("\n\n", " ", ": 12")
ANSWERS = ("It is so.", "345 and 6", "🙂 né", "s")
TEXT = "The refund of\n\n  12345 for 日本 🙂\t"


@cache
def student(body: str, end: str, kind: str, strip: str = ""):
    return tokenizer(body.replace("END", repr(end)), kind=kind, eos="<|im_end|>", strip=strip)


def built(given, rows, strategy: str = "final_only", **choices):
    chat = ChatFormat(given, strategy=strategy, config=ChatConfig(max_length=4096, **choices))
    return DatasetBuilder(RowBuffer(rows), chat).run()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [TALK, WORDS], ids=["special", "words"])
def test_a_row_begins_with_the_prompt_of_inference(kind, body):
    apart = 0
    for end in ENDS:
        given = student(body, end, kind)
        chat = built(given, [row(f"What {i}?", answer, None, position=i) for i, answer in enumerate(ANSWERS)])
        assert chat.report.ok and not chat.report.dropped, (end, chat.report.dropped)
        apart += chat.report.apart
        for i, (example, task) in enumerate(zip(chat, chat.tasks, strict=True)):
            alone = given.apply_chat_template(
                list(task.prompt), add_generation_prompt=True, return_dict=False
            )
            ids, count = example.input_ids.tolist(), len(alone)
            assert chat.prompt_ids(task.prompt) == alone == ids[:count], (end, task.expected)
            assert all(example.labels[:count] == -100) and example.labels[count] != -100
            assert learnt_text(example, given).removeprefix(" ") == f"{task.expected}<|im_end|>"
            text = given.decode(ids)
            behind = text.removeprefix(given.decode(alone)).removeprefix(" ")
            assert behind.rstrip() == f"{task.expected}<|im_end|>"
            assert "".join(token.text for token in chat.preview(i).tokens) == text
    assert (apart > 0) == (kind != "bytes"), (
        "they are encoded apart where the joint encoding is another, only there"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strip", ["r", "lr"])
def test_stop_tokens_that_take_white_space_are_learnt(kind, strip):
    given = student(TALK, "\n", kind, strip)
    rows = [row("What?\n", "It is so.", f"One.\n\n- two\n{n}\n", position=n) for n in range(2)]
    chat = built(given, [*rows, row("  \n What?", "  indented() ", None, position=2)], "final_and_reasoning")
    assert chat.report.ok and chat.report.rows_kept == 3 and chat.report.stops_learnt == 3
    for index, example in enumerate(chat):
        parts = {span.part: span for span in example.spans}
        stop = parts["stop"]
        assert stop.learnt and given.decode(example.input_ids[stop.start : stop.stop]) == "<|im_end|>"
        assert "trailer" not in parts, "the stop token has taken the line break behind it"
        prompt = chat.prompt_ids(chat.tasks[index].prompt)
        assert example.input_ids[: len(prompt)].tolist() == prompt
    said = "".join(token.text for token in chat.preview(0).tokens if token.part.startswith("reasoning"))
    assert said.strip() == "One.\n\n- two\n0"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strip", ["", "lr"])
def test_what_rows_share_is_encoded_once_and_comes_out_the_same(kind, strip):
    given = student(TALK, "\n", kind, strip)
    shared = f"<|im_start|>system\n{TEXT * 4}<|im_end|>\n<|im_start|>user\nOne"
    texts = [f"{shared} {i}?<|im_end|>\n<|im_start|>assistant\n{TEXT}{i}<|im_end|>\n" for i in range(4)]
    rows = [RenderedRow(text, [(0, 0), (at, 0x82)], at, at) for text in texts for at in [text.rindex(TEXT)]]
    aligner = TokenAligner(given)
    encoded = aligner.encode(rows)
    assert TEXT * 4 in encoded.head.text and len(encoded.encodings[0].ids) < len(encoded.head.ids)
    for found, each in zip(aligner.find(rows, encoded), rows, strict=True):
        whole = given.backend_tokenizer.encode(each.text, add_special_tokens=False)
        assert found is not None and found.ids == whole.ids
        assert [found] == aligner.find([each], Encodings(NO_HEAD, [whole]))


def test_a_text_is_cut_only_where_no_other_token_can_reach_across():
    from tokenizers import AddedToken

    given = student(TALK, "\n", "bpe")
    given.backend_tokenizer.add_tokens([AddedToken("m|><|im", normalized=False)])
    text = f"<|im_start|>{TEXT * 4}"
    rows = [
        RenderedRow(f"{text}{x}<|im_start|>x", [(0, 0), (len(text) + 1, 0x82)], len(text) + 1, 1)
        for x in "ab"
    ]
    assert not TokenAligner(given).encode(rows).head.text


def test_half_a_character_in_a_request_is_said_in_words():
    chat = built(student(TALK, "\n", "bytes"), [row()])
    with pytest.raises(FormatError, match=r"half a character, the lone surrogate '\\ud83d'") as caught:
        chat.prompt_ids("Refund \ud83d me.")
    request = "Refund \ud83d me."
    assert chat.prompt_ids(eval(caught.value.fix.partition("#")[0], {"request": request}))
