"""What carries loss, which rows are let in, and how fields become text."""

from __future__ import annotations

import pytest

from reasonbook.chat import ChatConfig, ChatFormat, ChatRow, build, thought
from reasonbook.chat.reasoning_text import as_text
from reasonbook.data.conversation import Conversation
from reasonbook.errors import FormatError

from .students import learnt_text, row, student, template, tokenizer

DIALOGUE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "1"},
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "2"},
]


def learnt(chat, index=0):
    return learnt_text(chat[index], chat.tokenizer)


# -- roles (InstructLab's unmask) ----------------------------------------------------------------------------
def test_all_roles_but_system_each_message_once():
    chat = build(
        [row(messages=DIALOGUE, reasoning="why")], student("qwen3"), config=ChatConfig(roles="all_but_system")
    )
    assert learnt(chat, 0) == "One?1<|im_end|>"
    assert learnt(chat, 1) == "Two?<think>\nwhy\n</think>\n\n2<|im_end|>"


def test_an_unmasked_row_among_others():
    plain = row(messages=DIALOGUE, reasoning="why")
    marked = ChatRow(1, "k", "train", plain.conversation, "why", unmask=True)
    chat = build([plain, marked], student("qwen3"))
    assert learnt(chat, 1) == "<think>\nwhy\n</think>\n\n2<|im_end|>"
    assert learnt(chat, 3) == "Two?<think>\nwhy\n</think>\n\n2<|im_end|>"


def test_roles_by_name():
    chat = build(
        [row(messages=DIALOGUE, reasoning=None)],
        student("qwen3"),
        config=ChatConfig(roles=("user", "assistant")),
    )
    assert [learnt(chat, i) for i in range(2)] == ["One?1<|im_end|>", "Two?2<|im_end|>"]
    chat = build(
        [row(messages=DIALOGUE, reasoning=None)], student("qwen3"), config=ChatConfig(roles="system")
    )
    assert [learnt(chat, i) for i in range(len(chat))] == ["Be brief."]


def test_a_text_that_stands_elsewhere_too_is_not_mistaken():
    messages = [{"role": "user", "content": "user"}, {"role": "assistant", "content": "assistant"}]
    chat = build(
        [row(messages=messages, reasoning=None)], student("qwen3"), config=ChatConfig(roles="all_but_system")
    )
    first = next(span for span in chat[0].spans if span.part == "context")
    assert chat.tokenizer.decode(chat[0].input_ids[: first.start].tolist()) == "<|im_start|>user\n"
    assert learnt(chat) == "userassistant<|im_end|>"


# -- rows without reasoning (Kiln's C7) ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "blank", [None, "", "  \n", {}, {"Intent": None, "Fee": float("nan")}, {"Items": []}]
)
def test_blank_reasoning_is_no_reasoning(blank):
    rows = [row(), row(reasoning=blank, position=7)]
    chat = build(rows, student("qwen3"))
    assert (chat.report.reasoning, chat.report.plain) == (1, 1)
    dropped = build(rows, student("qwen3"), config=ChatConfig(missing="drop"))
    assert dropped.report.dropped == {"no reasoning": 1} and dropped.report.places == {"no reasoning": [7]}
    with pytest.raises(FormatError, match="Row 7 has no reasoning"):
        build(rows, student("qwen3"), config=ChatConfig(missing="error"))


def test_reasoning_only_and_content_only_are_both_legal():
    messages = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": ""}]
    chat = build([row(messages=messages, reasoning="just thought")], student("qwen3"))
    assert learnt(chat) == "<think>\njust thought\n</think>\n\n<|im_end|>"
    empty = build([row(messages=messages, reasoning=None)], student("qwen3"))
    assert empty.report.dropped == {"the response is empty": 1}


def test_messages_with_none_and_nan_in_them():
    messages = [
        {
            "role": "user",
            "content": "Q?",
            "reasoning_content": None,
            "name": float("nan"),
            "tool_calls": None,
        },
        {"role": "assistant", "content": "A", "thinking": None, "reasoning_content": "own thought"},
    ]
    chat = build([row(messages=messages, reasoning=None)], student("qwen3"))
    assert learnt(chat) == "<think>\nown thought\n</think>\n\nA<|im_end|>"


# -- empty thinking ------------------------------------------------------------------------------------------
def test_an_empty_block_that_the_student_must_write_is_learnt_only_when_all_rows_are_plain():
    from .students import unsloth_templates

    source = unsloth_templates().get("qwen3-thinking")
    if source is None:
        pytest.skip("unsloth is not installed: it brings the template of a student that always thinks")
    always = tokenizer(source, eos="<|im_end|>")
    mixed = build([row(), row(reasoning=None, position=1)], always)
    assert learnt(mixed, 1) == "It is 4.<|im_end|>"
    assert "empty thinking" in [span.part for span in mixed[1].spans]
    plain = build([row()], always, strategy="final_only")
    assert learnt(plain) == "\n</think>\n\nIt is 4.<|im_end|>"
    forced = build([row(reasoning=None)], always, config=ChatConfig(train_empty_thinking=True))
    assert learnt(forced) == "\n</think>\n\nIt is 4.<|im_end|>"


# -- reserved markers ----------------------------------------------------------------------------------------
MARKED = [
    (row("ignore <|im_end|> this"), "the user message holds the reserved marker '<|im_end|>'"),
    (row(response="so </think> then"), "the assistant message holds the reserved marker '</think>'"),
    (row(reasoning={"A": "ok", "B": "x <think> y"}), "the field 'B' holds the reserved marker '<think>'"),
    (
        row(reasoning="x <|im_start|>system y"),
        "the field 'Reasoning' holds the reserved marker '<|im_start|>'",
    ),
]


@pytest.mark.parametrize(("given", "why"), MARKED)
def test_reserved_markers_are_refused_with_their_place(given, why):
    chat = build([row(), ChatRow(3, "k3", "train", given.conversation, given.reasoning)], student("qwen3"))
    assert chat.report.dropped == {why: 1} and chat.report.places == {why: [3]}
    assert ("reserved markers" in chat.report.warnings[0][0]) and 'markers="escape"' in chat.report.warnings[
        0
    ][1]


@pytest.mark.parametrize(("given", "why"), MARKED)
def test_reserved_markers_are_escaped(given, why):
    chat = build([given], student("qwen3"), config=ChatConfig(markers="escape"))
    clean = build([row()], student("qwen3"))
    assert not chat.report.dropped

    def marks(example):
        special = {t for t, k in chat.tokenizer.added_tokens_decoder.items()}
        return [int(i) for i in example.input_ids if int(i) in special]

    assert marks(chat[0]) == marks(clean[0]), "no marker came in with the text"
    text = chat.tokenizer.decode(chat[0].input_ids.tolist(), skip_special_tokens=False)
    assert "\u200b" in text


def test_an_escaped_field_keeps_its_place():
    given = row(reasoning={"A": "x </think> y", "B": "z"})
    chat = build([given], student("qwen3"), config=ChatConfig(markers="escape"))
    said: dict[str, str] = {}
    for token in chat.preview().tokens:
        said[token.part] = said.get(token.part, "") + token.text
    assert said["reasoning:A"] == "A: x <\u200b/think> y\n" and said["reasoning:B"] == "B: z"


# -- styles --------------------------------------------------------------------------------------------------
VALUES = {"Intent": "refund", "Fee": 2.5, "Whole": 3.0, "Member": False, "Items": ["a", "b"], "Note": None}


def test_labelled_lines():
    made = thought(VALUES)
    assert made.text == "Intent: refund\nFee: 2.5\nWhole: 3\nMember: no\nItems: a; b"
    assert [made.text[a:b] for _, a, b in made.spans] == made.text.split("\n")


def test_json():
    import json

    made = thought(VALUES, "json")
    assert json.loads(made.text) == {k: v for k, v in VALUES.items() if v is not None}
    assert [name for name, _, _ in made.spans] == ["Intent", "Fee", "Whole", "Member", "Items"]


def test_prose_and_its_errors():
    made = thought(VALUES, "prose", "They want a {Intent}; the fee is {Fee}.")
    assert made.text == "They want a refund; the fee is 2.5."
    assert [made.text[a:b] for _, a, b in made.spans] == ["refund", "2.5"]
    with pytest.raises(FormatError, match="Urgency"):
        thought(VALUES, "prose", "{Urgency}")
    with pytest.raises(FormatError, match="braces"):
        ChatConfig(style="prose")


def test_a_single_text_stands_without_a_label():
    assert thought({"Reasoning": " native trace "}).text == "native trace"
    assert thought({"Chain of Thought": "steps"}).text == "steps"
    assert thought({"Intent": "refund"}).text == "Intent: refund"
    assert thought("a text").spans == (("Reasoning", 0, 6),)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (1e20, "1e+20"), (0.1 + 0.2, "0.3"), (-2.0, "-2")]
)
def test_values_in_words(value, text):
    assert as_text(value) == text


def test_a_thought_that_shares_its_token_with_the_closing_tag_is_not_lost():
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.train_from_iterator(
        ["!\n</"] * 50, trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False)
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken("<|im_end|>"), AddedToken("<|im_start|>")])
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|im_end|>", chat_template=template("qwen2_5")
    )
    chat = build([row(reasoning="!")], made)
    assert chat.report.ok and chat.report.reasoning_learnt == 1
    [token] = [t for t in chat.preview(0).tokens if t.part == "reasoning:Reasoning"]
    assert token.learnt and token.text.startswith("!\n")


# -- options -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"style": "line"}, 'Did you mean "lines"'),
        ({"missing": "skip"}, "valid: 'keep'"),
        ({"tags": ("<think>",)}, "2 values"),
        ({"tags": ("<think>", " ")}, "closing tag"),
        ({"mask_reasoning": True, "mask_answer": True}, "nothing is left"),
        ({"max_length": 2}, "too short"),
    ],
)
def test_wrong_options_say_what_to_type(options, word):
    with pytest.raises(FormatError, match=word.replace("(", "[(]")):
        ChatConfig(**options)


def test_a_wrong_strategy_names_the_right_ones():
    with pytest.raises(FormatError, match="final_and_reasoning"):
        build([row()], student("qwen3"), strategy="reasoning")


def test_config_goes_through_json():
    import json

    config = ChatConfig(tags=("<a>", "</a>"), roles=("user", "assistant"), max_length=99)
    assert ChatConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


# -- what cannot be used -------------------------------------------------------------------------------------
def test_unusable_rows_are_counted_by_reason():
    rows = [
        row(),
        ChatRow(1, "a", "train", Conversation((), "the request is empty")),
        ChatRow(2, "b", "train", Conversation(({"role": "user", "content": "Q"},))),
    ]
    chat = build(rows, student("qwen3"))
    assert chat.report.dropped == {"the request is empty": 1, "there is no response": 1}
    assert (chat.report.rows, chat.report.rows_kept) == (3, 1)


def test_half_a_character_is_refused():
    chat = build([row(), row("lone \ud83d half", position=4)], student("qwen3"))
    [why] = chat.report.dropped
    assert "half a character" in why and chat.report.places[why] == [4]


def test_no_rows_at_all():
    chat = build([], student("qwen3"))
    assert len(chat) == 0 and not chat.report.ok
    assert "Preflight: not ready" in chat.report._repr_html_() and "ChatDataset" in repr(chat)
    with pytest.raises(FormatError):
        chat.preview(0)


def test_duplicates_between_splits_are_counted():
    rows = [row("same?", position=0), row("other?", position=1), row("same?", position=2, split="test")]
    chat = build(rows, student("qwen3"))
    assert chat.report.duplicates == {"test": 1}
    assert any("same request" in what for what, _ in chat.report.warnings)
    assert (
        chat.splits == {"train": 2, "test": 1} and len(chat.split("test")) == 1 and len(chat.split("no")) == 0
    )
    assert chat.split("test")[0].position == 2


def test_a_system_prompt_alone_is_a_request_where_the_template_shows_none():
    talk = [
        {"role": "system", "content": "Be brief.", "tools": [{"type": "function", "function": {"name": "f"}}]}
    ]
    assert "user\nBe brief.<end_of_turn>" in ChatFormat(student("gemma")).prompt_text(talk)
