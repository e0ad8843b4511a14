"""Train = serve: the same ids at inference, a record that brings them back, and previews of the trained arrays."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from reasonbook.chat import ChatConfig, ChatFormat, ChatRow, build
from reasonbook.chat.rendering import growable_arrays as arrays_module
from reasonbook.data.conversation import Conversation
from tests.walks import walk

from .students import row, student, template, tokenizer, trl_templates

REQUEST = [{"role": "user", "content": "What is 2 + 2?"}]
FAMILIES = [
    name
    for name in (
        "qwen3",
        "qwen3_5_nothink",
        "qwen2_5",
        "deepseek_r1_distill",
        "gptoss",
        "gemma4",
        "glm4moe",
        "llama3_2",
    )
    if name in trl_templates()
]
FAST = ["gptoss", "qwen3"]


@pytest.mark.parametrize("strategy", ["final_and_reasoning", "final_only"])
@pytest.mark.parametrize("name", walk(FAMILIES, fast=FAST))
def test_the_exported_tokenizer_gives_the_same_prompt_without_arguments(name, strategy, tmp_path):
    chat = build(
        [row()], student(name), strategy=strategy
    )  # a server's date is its own day, as today's is here
    chat.format.export_tokenizer().save_pretrained(tmp_path)
    from transformers import AutoTokenizer

    served = AutoTokenizer.from_pretrained(tmp_path)
    ids = served.apply_chat_template(REQUEST, add_generation_prompt=True, return_dict=False)
    assert ids == chat.prompt_ids(REQUEST) == chat.prompt_ids(chat.tasks[0].prompt)
    assert chat[0].input_ids[: len(ids)].tolist() == ids, "and training saw just that"


@pytest.mark.parametrize("name", walk(FAMILIES, fast=FAST))
def test_a_run_cards_format_comes_back(name):
    first = ChatFormat(student(name), config=ChatConfig(date="2026-11-01"))
    record = json.loads(json.dumps(first.to_dict()))
    again = ChatFormat.from_dict(record, student(name))
    assert again.probe == first.probe and again.template_kwargs == first.template_kwargs
    assert again.prompt_ids("Hi") == first.prompt_ids("Hi") and again.stop_ids == first.stop_ids


def test_a_template_that_changed_on_the_hub_changes_nothing_for_a_run():
    first = ChatFormat(student("qwen3"))
    record = json.loads(json.dumps(first.to_dict()))
    changed = copy.deepcopy(student("qwen3"))
    changed.chat_template = template("qwen3_5_think")
    assert ChatFormat(changed).prompt_text("Hi") != first.prompt_text("Hi")
    assert ChatFormat.from_dict(record, changed).prompt_text("Hi") == first.prompt_text("Hi")


def test_a_base_model_gets_a_plain_template_that_is_saved(tmp_path):
    base = tokenizer(None)
    chat = build([row()], base)
    text = chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False)
    assert text.startswith("### Request:\nWhat is 2 + 2?\n\n### Response:\n<think>\nTwo and two")
    assert "It is 4.<EOS>" in text and any("no chat template" in note for note in chat.report.remarks)
    assert base.chat_template is None and "### Response" in chat.format.export_tokenizer().chat_template


def test_the_vocabulary_stays_as_it_was():
    made = tokenizer(template("qwen3"), eos="<|im_end|>")
    before = (len(made), dict(made.get_added_vocab()), made.chat_template)
    build([row(), row(reasoning=None)], made).preview(0)
    assert (len(made), dict(made.get_added_vocab()), made.chat_template) == before


def test_a_stream_of_rows_is_the_same_as_a_list():
    def rows():
        for i in range(40):
            yield row(f"{i}?", f"{i}.", {"A": f"so {i}", "n": np.int64(i)} if i % 3 else None, position=i)

    listed, streamed = build(list(rows()), student("qwen3")), build(rows(), student("qwen3"))
    assert listed.fingerprint == streamed.fingerprint
    assert listed.tasks[5] == streamed.tasks[5]
    assert streamed.tasks[7].reasoning == "A: so 7\nn: 7"


@pytest.mark.slow
def test_a_stream_keeps_no_more_in_memory_the_longer_it_is(monkeypatch):
    import tracemalloc

    monkeypatch.setattr(arrays_module, "STREAM_SPILL", 4096)
    held: dict[int, int] = {}

    def rows():
        for i in range(6_001):
            if i in (2_000, 6_000):
                held[i] = tracemalloc.get_traced_memory()[0]
            yield row(f"{i}?", f"{i}.", f"so {i}", position=i)

    build([row()], student("qwen3", "bpe"))  # what is imported and compiled once
    tracemalloc.start()
    try:
        made = build(rows(), student("qwen3", "bpe"))
    finally:
        tracemalloc.stop()
    assert len(made) == 6_001 and made.arrays.ids.nbytes > 600_000
    assert held[6_000] - held[2_000] < 150_000


def test_large_arrays_go_to_disk_and_read_the_same(monkeypatch):
    rows = [row(f"{i}?", f"{i}.", position=i) for i in range(50)]
    small = build(rows, student("qwen3"))
    monkeypatch.setattr(arrays_module, "SPILL", 100)
    large = build(rows, student("qwen3"))
    assert isinstance(large.arrays.ids, np.memmap) and not isinstance(small.arrays.ids, np.memmap)
    assert large.fingerprint == small.fingerprint
    for a, b in zip(large, small, strict=True):
        assert (a.input_ids == b.input_ids).all() and (a.labels == b.labels).all() and a.spans == b.spans


def test_the_fingerprint_is_of_ids_and_labels():
    one = build([row()], student("qwen3")).fingerprint
    assert one == build([row()], student("qwen3")).fingerprint
    assert one != build([row(response="It is 5.")], student("qwen3")).fingerprint
    assert one != build([row()], student("qwen3"), config=ChatConfig(mask_reasoning=True)).fingerprint


def test_a_preview_paints_the_trained_arrays_and_escapes_them():
    given = row("<b>bold</b> & 日本 🙂?", "<script>alert(1)</script>", {"<i>F</i>": "v"})
    chat = build([given], student("qwen3"))
    preview = chat.preview(0)
    assert "".join(token.text for token in preview.tokens) == chat.tokenizer.decode(
        chat[0].input_ids.tolist(), skip_special_tokens=False
    )
    html = preview._repr_html_() + chat._repr_html_() + chat.report._repr_html_() + chat.probe._repr_html_()
    assert "<script>" not in html and "<b>bold" not in html and "<i>F" not in html
    assert preview.to_dict()["tokens"][0] == ["<|im_start|>", chat[0].input_ids[0], -100, "prompt", True]
    assert json.dumps(preview.to_dict())


def test_system_prompts_of_the_config_are_served_too():
    chat = build([row()], student("qwen3"), config=ChatConfig(system="Be exact."))
    text = chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False)
    assert text.startswith("<|im_start|>system\nBe exact.<|im_end|>\n")
    assert chat[0].input_ids.tolist()[: len(chat.prompt_ids(REQUEST))] == chat.prompt_ids(REQUEST)


def test_a_template_without_system_prompts_puts_them_before_the_request():
    messages = [{"role": "system", "content": "Be exact."}, *REQUEST, {"role": "assistant", "content": "4"}]
    chat = build([ChatRow(0, "k", "train", Conversation(tuple(messages)), "why")], student("gemma"))
    text = chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False)
    assert "user\nBe exact.\n\nWhat is 2 + 2?" in text
    assert any("no system prompt" in note for note in chat.report.notes)


def test_max_length_is_never_more_than_the_student_takes(tiny_student):
    chat = build([row()], tiny_student, config=ChatConfig(max_length=100_000))
    assert chat.max_length == chat.config.max_length == 1024


def test_dated_templates_are_given_one_date():
    if "gptoss" not in trl_templates():
        pytest.skip("trl ships no template that prints the date")
    chat = build([row()], student("gptoss"), config=ChatConfig(date="2020-02-03"))
    assert "2020-02-03" in chat.format.prompt_text("Hi")
    assert build([row()], student("gptoss")).config.date, "today's is recorded"
