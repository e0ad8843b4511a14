"""Where tokens stand: by byte lengths and by offsets it is the same place."""

from __future__ import annotations

from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasonbook.chat.rendering.alignment import TokenAligner
from reasonbook.chat.rendering.segments import RenderedRow

from .students import KINDS, template, tokenizer

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\n ab.</>日🙂é"), min_size=2, max_size=40)
made = cache(partial(tokenizer, template("qwen3"), eos="<|im_end|>"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sentencepiece"])
@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.data())
def test_both_ways_agree(kind, texts, data):
    places = TokenAligner(made(kind=kind))
    assert places._sizes is not None
    rows = []
    for text in texts:
        text = f"<|im_start|>{text}<|im_end|>"
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text) - 1), min_size=1, max_size=4)))
        rows.append(RenderedRow(text, [(0, 0), *((cut, 2) for cut in cuts)], cuts[0], cuts[-1]))
    encoded = places.encode(rows)
    for row, placed in zip(rows, places._by_bytes(rows, encoded), strict=True):
        encoding = made(kind=kind).backend_tokenizer.encode(row.text, add_special_tokens=False)
        assert placed == places._place(row, encoding.ids, encoding.offsets)


def test_a_tokenizer_that_changes_its_text_is_asked_for_offsets():
    from tokenizers import normalizers

    changing = tokenizer(template("qwen3"), eos="<|im_end|>")
    changing.backend_tokenizer.normalizer = normalizers.NFC()
    places = TokenAligner(changing)
    text = "cafe\u0301 <|im_start|>x<|im_end|>"  # the accent is a character of its own before, part of the e after
    row = RenderedRow(text, [(0, 0), (text.index("x"), 2)], text.index("x"), text.index("x"))
    [placed] = places.find([row], places.encode([row]))
    assert changing.backend_tokenizer.id_to_token(placed.ids[placed.starts[0]]) == "x"


def test_a_tokenizer_without_bytes_is_asked_for_offsets():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    places = TokenAligner(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))
    assert places._sizes is None
    row = RenderedRow("a  b", [(0, 0), (1, 2)], 1, 3)
    [placed] = places.find([row], places.encode([row]))
    assert placed.starts == [1] and placed.answer == 1
