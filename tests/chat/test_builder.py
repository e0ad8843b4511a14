from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from reasonbook.chat import ChatConfig, build
from reasonbook.errors import FormatError

from .students import learnt_text, row, student

FIELDS = {"Intent": "refund", "Fee": 2.5, "Member": True, "Items": ["a", "b"], "Note": None}


def test_target_is_all_that_follows_the_generation_prompt_through_the_stop_token():
    chat = build([row(reasoning=FIELDS)], student("qwen3"))
    tokenizer = chat.tokenizer
    example = chat[0]
    whole = tokenizer.decode(example.input_ids.tolist(), skip_special_tokens=False)
    messages = [
        {"role": "user", "content": "What is 2 + 2?"},
        {
            "role": "assistant",
            "content": "It is 4.",
            "reasoning_content": "Intent: refund\nFee: 2.5\nMember: yes\nItems: a; b",
        },
    ]
    assert whole == tokenizer.apply_chat_template(messages, tokenize=False)
    prompt = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
    assert prompt + learnt_text(example, tokenizer) + "\n" == whole
    assert learnt_text(example, tokenizer).endswith("It is 4.<|im_end|>")
    assert example.input_ids.dtype == example.labels.dtype == np.int32
    assert chat.prompt_ids("What is 2 + 2?") == tokenizer(prompt, add_special_tokens=False).input_ids


def test_each_token_knows_its_field():
    chat = build([row(reasoning=FIELDS)], student("qwen3"))
    preview = chat.preview(0)
    said: dict[str, str] = {}
    for token in preview.tokens:
        if token.learnt:
            said[token.part] = said.get(token.part, "") + token.text
    assert said == {
        "tags": "<think>\n\n</think>\n\n",
        "reasoning:Intent": "Intent: refund\n",
        "reasoning:Fee": "Fee: 2.5\n",
        "reasoning:Member": "Member: yes\n",
        "reasoning:Items": "Items: a; b",
        "answer": "It is 4.",
        "stop": "<|im_end|>",
    }
    assert [t.id for t in preview.tokens] == chat[0].input_ids.tolist()
    assert [t.label for t in preview.tokens] == chat[0].labels.tolist()
    assert preview.fingerprint == chat.fingerprint


def test_every_assistant_turn_is_a_row_with_the_history_of_inference():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1", "reasoning_content": "first thought"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "2"},
    ]
    chat = build([row(messages=messages, reasoning="second thought")], student("qwen3"))
    assert [e.turn for e in chat] == [0, 1]
    first, second = (learnt_text(e, chat.tokenizer) for e in chat)
    assert first == "<think>\nfirst thought\n</think>\n\n1<|im_end|>"
    assert second == "<think>\nsecond thought\n</think>\n\n2<|im_end|>"
    history = chat.tokenizer.decode(chat[1].input_ids.tolist(), skip_special_tokens=False)
    assert "first thought" not in history, "Qwen3 does not show earlier thinking at inference"
    last = build([row(messages=messages)], student("qwen3"), config=ChatConfig(turns="last"))
    assert [e.turn for e in last] == [1]


def test_a_plain_row_of_a_hybrid_student_has_its_own_prompt_and_its_empty_block_is_read_only():
    chat = build([row(), row(reasoning=None, position=1)], student("qwen3"))
    assert chat.report.reasoning == 1 and chat.report.plain == 1
    text = chat.tokenizer.decode(chat[1].input_ids.tolist(), skip_special_tokens=False)
    assert text.endswith("<think>\n\n</think>\n\nIt is 4.<|im_end|>\n")
    assert learnt_text(chat[1], chat.tokenizer) == "It is 4.<|im_end|>"


def test_two_messages_in_kilns_words():
    chat = build([row()], student("qwen3"), strategy="two_message_cot")
    assert len(chat) == 2
    assert learnt_text(chat[0], chat.tokenizer) == "Two and two make four.<|im_end|>"
    assert learnt_text(chat[1], chat.tokenizer) == "It is 4.<|im_end|>"
    second = chat.tokenizer.decode(chat[1].input_ids.tolist(), skip_special_tokens=False)
    assert "The input is:\n<user_input>\nWhat is 2 + 2?\n</user_input>\n\nThink step by step" in second
    assert "<|im_start|>user\nConsidering the above, return a final result.<|im_end|>" in second
    prompts = [
        chat.prompt_ids("What is 2 + 2?"),
        chat.prompt_ids("What is 2 + 2?", thought="Two and two make four."),
    ]
    for example, prompt in zip(chat, prompts, strict=True):
        assert example.input_ids[: len(prompt)].tolist() == prompt


@pytest.mark.parametrize("policy", ["mask_reasoning", "mask_answer"])
def test_policies(policy):
    chat = build([row()], student("qwen3"), config=ChatConfig(**{policy: True}))
    expected = {
        "mask_reasoning": "It is 4.<|im_end|>",
        "mask_answer": "<think>\nTwo and two make four.\n</think>\n\n",
    }[policy]
    assert learnt_text(chat[0], chat.tokenizer) == expected
    assert chat.report.ok


def test_too_long_rows_are_dropped_and_counted_never_cut():
    rows = [row(), row(prompt="word " * 300, position=1), row(reasoning="why " * 300, position=2)]
    chat = build(rows, student("qwen3"), config=ChatConfig(max_length=200))
    assert len(chat) == 1 and chat.report.dropped == {"longer than max_length": 2}
    assert chat.report.places == {"longer than max_length": [1, 2]}
    assert chat.report.cut_before_answer == pytest.approx(2 / 3)
    what, fix = chat.report.warnings[0]
    assert "2 rows are longer than 200 tokens" in what
    length = int("".join(filter(str.isdigit, fix)))
    assert len(build(rows, student("qwen3"), config=ChatConfig(max_length=length))) == 3


def test_nothing_left_to_train_on_says_why_and_what_to_type():
    chat = build([row(prompt="word " * 300)], student("qwen3"), config=ChatConfig(max_length=100))
    assert not chat.report.ok
    with pytest.raises(FormatError, match="longer than max_length") as caught:
        chat.check()
    assert caught.value.fix.startswith("ChatConfig(max_length=")


@pytest.mark.parametrize("name", ["no-such-owner/no-such-student", "/no/such/folder", "", "a/b/c"])
def test_a_student_that_cannot_be_found(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FormatError) as caught:
        build([row()], name)
    assert "tiny_student" in caught.value.fix


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [None, "http://proxy.invalid:8080"])
def test_a_hub_that_does_not_answer_costs_two_seconds_at_most(proxy, monkeypatch):
    """A network that swallows packets: the name look-up hangs, and so does the proxy."""
    import socket
    import time

    from huggingface_hub import constants

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    asked = []

    def hang(address, timeout=None):
        asked.append(address[0])
        time.sleep(6)
        raise TimeoutError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://huggingface.co")
    monkeypatch.setattr(socket, "create_connection", hang)
    began = time.monotonic()
    with pytest.raises(FormatError, match="cannot be reached"):
        build([row()], "no-such-owner/no-such-student")
    assert time.monotonic() - began < 2
    assert asked == ["proxy.invalid" if proxy else "huggingface.co"]


@pytest.mark.slow
def test_an_unknown_name_is_said_before_anything_heavy_is_imported():
    code = (
        "import sys\nfrom reasonbook.chat import build\nfrom reasonbook.errors import FormatError\n"
        "try: build([], 'no-such-owner/no-such-student')\n"
        "except FormatError: print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr


def test_the_task_of_each_turn_knows_its_own_reasoning_under_two_messages():
    talk = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1.", "reasoning_content": "So one."},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "2."},
    ]
    chat = build([row(messages=talk, reasoning="So two.")], student("qwen3"), strategy="two_message_cot")
    assert [(task.expected, task.reasoning) for task in chat.tasks] == [
        ("1.", "So one."),
        ("1.", "So one."),
        ("2.", "So two."),
        ("2.", "So two."),
    ]


@pytest.mark.parametrize("strategy", ["final_and_reasoning", "final_only", "two_message_cot"])
def test_a_row_of_empty_and_unlearnt_turns_is_left_out_with_a_reason(strategy):
    talk = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "2.", "weight": 0},
    ]
    report = build([row(messages=talk)], student("qwen3"), strategy=strategy).report
    assert report.left_out == report.dropped == {"nothing in it is to be learnt": 1}
