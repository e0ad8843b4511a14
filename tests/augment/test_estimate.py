"""Estimates: tokens, money and minutes before anything is sent; a pilot; what is paid for already."""

import json

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.errors import NeedsKey
from reasonbook.teachers import resolve
from reasonbook.teachers.pricing.thinking import profile_of
from tests.augment.conftest import frame
from tests.teachers.measured_texts import COUNTS, LANGUAGES, TEXTS
from tests.walks import walk


def test_nothing_is_sent_and_the_card_says_what_it_rests_on(provider, schema):
    df = frame(50)
    estimate = df.reason.estimate(schema, teacher=provider.chat, price=(1.0, 2.0))
    assert provider.requests == 0 and "reasoning_status" not in df
    assert estimate.rows == estimate.calls == 50 and estimate.cached == 0
    low, high = estimate.dollars
    assert 0 < low < high < 1
    assert "from the length of the rows" in estimate._repr_html_()


def test_what_is_paid_for_is_taken_off(provider, schema):
    df = frame(20)
    df.reason.augment(schema, teacher=provider.chat, limit=5).wait()
    estimate = df.reason.estimate(schema, teacher=provider.chat)
    assert (estimate.rows, estimate.cached, estimate.calls) == (20, 5, 15)


def test_a_pilot_measures_and_is_kept(provider, schema):
    df = frame(40)
    estimate = df.reason.estimate(schema, teacher=provider.chat, price=(1.0, 2.0), pilot=5)
    assert provider.requests == 5 and estimate.measured == 5 and estimate.calls == 35
    low, high = estimate.input_tokens
    assert low <= 35 * 120 <= high
    df.reason.augment(schema, teacher=provider.chat).wait()
    assert provider.requests == 40


def test_an_unknown_price_is_said(provider, schema):
    estimate = frame(3).reason.estimate(schema, teacher=provider.chat)
    assert estimate.dollars is None and "not known" in estimate._repr_html_()


def test_a_function_costs_nothing():
    estimate = frame(3).reason.estimate(rb.Schema({"A": "b"}), teacher=lambda request: {"A": request})
    assert estimate.dollars == (0.0, 0.0)


def test_a_pilot_is_a_number_of_rows(provider, schema):
    with pytest.raises(rb.ReasonbookError, match="pilot"):
        frame(3).reason.estimate(schema, teacher=provider.chat, pilot=-1)


def test_what_is_only_estimated_needs_no_key(schema, monkeypatch):
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for teacher in ("openai:gpt-5-mini", "anthropic:claude-sonnet-5"):
        assert frame(3).reason.estimate(schema, teacher=teacher).calls == 3
        with pytest.raises(NeedsKey):
            frame(3).reason.augment(schema, teacher=teacher)


# -- the band ------------------------------------------------------------------------------------------------------
SHORT = {"Topic": "Name the topic in one word.", "Wanted": "Say in one sentence what the customer wants."}
MIXED = [
    rb.Field("Wanted", "Say in one sentence what the customer wants."),
    rb.Field("Urgency", "Judge how soon.", type="choice", options=("low", "medium", "high")),
    rb.Field("Score", "How angry, from 0 to 10?", type="number", minimum=0, maximum=10),
    rb.Field("Refund", "Whether money is paid back.", type="boolean"),
]
LONG = {
    "Analysis": "Explain in at least five sentences what happens and why.",
    "Topic": "Name the topic in one word.",
}
PROMPT, JSON = 4.8, 4.1  # characters of our own instructions and schemas to a token of o200k, measured


def answering(language):
    """The server's model writes in the language of the rows."""
    say = "english" if language in ("code", "json") else language

    def value(part, key):
        if "enum" in part:
            return part["enum"][1]
        kind = part["type"][0] if isinstance(part["type"], list) else part["type"]
        if kind in ("number", "boolean"):
            return {"number": 7, "boolean": True}[kind]
        return {"wanted": TEXTS[say, "said"], "analysis": TEXTS[say, "explained"]}.get(key, "refund")

    def write(asked):
        parts = asked.schema["properties"]
        return json.dumps({key: value(part, key) for key, part in parts.items()}, ensure_ascii=False)

    return write


def tokens(text):
    """Tokens by measured texts; what else is there is English instructions and JSON."""
    total = 0.0
    for known, counts in COUNTS.items():
        if TEXTS[known] in text:
            total += counts["o200k"]
            text = text.replace(TEXTS[known], "", 1)
    return total + len(text) / PROMPT


@pytest.mark.parametrize("language", walk(LANGUAGES, fast=["german"]))
@pytest.mark.parametrize("fields", [SHORT, MIXED, LONG], ids=["short", "mixed", "long"])
def test_the_true_bill_lies_in_the_band(provider, language, fields):
    provider.answer = answering(language)
    provider.counts = lambda asked, text: {
        "input": round(tokens(asked.system + asked.user) + len(str(asked.schema)) / JSON),
        "output": round(tokens(text)), "cached": 0,
    }  # fmt: skip
    rows = [f"ROW-{i:06d}\n{TEXTS[language, 'row']}" for i in range(12)]
    df = pd.DataFrame({"prompt": rows, "response": "ok"})
    teacher, price = Named("openai:gpt-4o", provider.chat), (2.5, 10.0)
    estimate = df.reason.estimate(fields, teacher=teacher, price=price)
    job = df.reason.augment(fields, teacher=teacher, price=price).wait()
    true = {"input": job.usage.input, "output": job.usage.output, "dollars": job.cost}
    bands = {"input": estimate.input_tokens, "output": estimate.output_tokens, "dollars": estimate.dollars}
    for name, (low, high) in bands.items():
        assert low <= true[name] <= high, (name, low, true[name], high)
    assert estimate.dollars[0] < estimate.likely < estimate.dollars[1]
    assert bands["input"][1] < 1.75 * bands["input"][0], "a band that holds anything says nothing"


class Named:
    """A hosted teacher under the name of a model that everybody knows, so that the estimate knows its vocabulary."""

    def __init__(self, name, spec):
        self.name, self._teacher = name, resolve(spec)
        self.capabilities = self._teacher.capabilities

    async def complete(self, request):
        return await self._teacher.complete(request)

    async def close(self):
        await self._teacher.close()


# -- hidden thinking -----------------------------------------------------------------------------------------------
def test_a_model_that_thinks_costs_more_and_the_card_says_why(schema):
    def of(teacher, **config):
        return frame(100).reason.estimate(schema, teacher=teacher, **config)

    thinks, plain = of("openai:gpt-5"), of("openai:gpt-4.1")
    assert plain.thinking_tokens == (0, 0) and thinks.thinking_tokens[1] >= 100_000
    assert thinks.output_tokens[1] > 3 * plain.output_tokens[1]
    assert "thinks before it answers" in thinks._repr_html_() and "pilot=5" in thinks._repr_html_()
    assert "thinks" not in plain._repr_html_()
    low, high = (of("openai:gpt-5", reasoning_effort=effort).thinking_tokens[1] for effort in ("low", "high"))
    assert low < thinks.thinking_tokens[1] < high
    assert of("openai:gpt-5", max_tokens=100).output_tokens[1] <= 100 * 100


@pytest.mark.parametrize(
    ("teacher", "thinks"),
    [
        ("openai:gpt-5-mini", True), ("openai:o3", True), ("openai:o4-mini-2025-04-16", True),
        ("openai:gpt-5.1", False), ("openai:gpt-5-chat-latest", False), ("openai:gpt-4o", False),
        ("openai:gpt-6.1-sol", True), ("openai:openai/gpt-oss-120b@api.groq.com/openai/v1", True),
        ("openai:deepseek-reasoner@api.deepseek.com/v1", True), ("openai:deepseek-chat@api.deepseek.com/v1", False),
        ("openai:gemini-2.5-flash@generativelanguage.googleapis.com/v1beta/openai", True),
        ("openai:gemini-2.5-flash-lite@generativelanguage.googleapis.com/v1beta/openai", False),
        ("openai:google/gemini-3-pro@openrouter.ai/api/v1", True), ("openai:Qwen/Qwen3-8B@localhost:8000/v1", True),
        ("openai:Qwen/Qwen3-30B-A3B-Instruct-2507@localhost:8000/v1", False),
        ("openai:mistral-small-latest@api.mistral.ai/v1", False), ("anthropic:claude-sonnet-4-5", False),
        ("anthropic:claude-opus-5-5", True), ("openai:meta-llama/Llama-3.3-70B-Instruct@api.together.xyz/v1", False),
        ("openai:my-deployment", None), ("openai:phone-o3x", None),
    ],
)  # fmt: skip
def test_which_models_think(teacher, thinks):
    profile = profile_of(teacher)
    assert (None if profile is None else profile.tokens(None, asked=False)[2] > 0) is thinks


def test_claude_thinks_where_it_is_asked_to():
    profile = profile_of("anthropic:claude-sonnet-4-5")
    assert profile.tokens(None, asked=True)[2] > 0 == profile.tokens(None, asked=False)[2]


def test_whether_an_unknown_model_thinks_is_not_guessed(provider, schema):
    estimate = frame(5).reason.estimate(schema, teacher=provider.chat)
    assert estimate.thinking_tokens is None and "is not known here" in estimate._repr_html_()


def test_a_pilot_puts_what_it_measured_in_the_place_of_the_profile(provider, schema):
    provider.counts = lambda asked, text: {"input": 300, "output": 9_000, "reasoning": 8_800, "cached": 0}
    teacher = Named("openai:gpt-5", provider.chat)
    guessed = frame(40).reason.estimate(schema, teacher=teacher)
    assert guessed.output_tokens[1] < 40 * 9_000, "this one thinks longer than its family"
    df = frame(40)
    measured = df.reason.estimate(schema, teacher=teacher, pilot=6)
    assert measured.measured == 6 and measured.calls == 34 and "measured on 6 calls" in measured._repr_html_()
    low, high = measured.output_tokens
    assert low <= 34 * 9_000 <= high < 34 * 9_000 * 1.3 and low > 34 * 9_000 * 0.7
    assert measured.thinking_tokens[0] <= 34 * 8_800 <= measured.thinking_tokens[1]
    assert measured.input_tokens[0] <= 34 * 300 <= measured.input_tokens[1]
    assert "rule of thumb" not in measured._repr_html_()
    again = frame(40, start=50).reason.estimate(schema, teacher=teacher)
    assert again.measured == 6 and again.output_tokens[0] > 40 * 6_000, "the store remembers"
    other = frame(5).reason.estimate(schema, teacher=teacher, reasoning_effort="low")
    assert other.measured == 0 and other.output_tokens[1] < 5 * 9_000, "another effort is another question"


def test_what_a_field_took_before_is_known_in_another_schema(provider):
    provider.answer = lambda asked: json.dumps({key: "why " * 400 for key in asked.schema["properties"]})
    why = rb.Field("Why", "Give the reason in one word.")
    frame(4).reason.augment([why], teacher=provider.chat).wait()
    fresh = [why, rb.Field("Urgency", "How soon?", type="number")]
    estimate = frame(10, start=20).reason.estimate(fresh, teacher=provider.chat)
    assert estimate.measured == 0 and estimate.output_tokens[0] > 10 * 250
    other = frame(10, start=20).reason.estimate({"Why": "Say why, in one word."}, teacher=provider.chat)
    assert other.output_tokens[1] < 10 * 250, "another instruction is another field"


# -- what else changes the bill ------------------------------------------------------------------------------------
def test_batches_and_packs_are_reckoned_as_they_are_paid(provider, schema):
    def of(**config):
        return frame(60).reason.estimate(schema, teacher=provider.chat, price=(1.0, 2.0), **config)

    one, batch, packed = of(), of(mode="batch"), of(pack=10)
    assert batch.dollars == pytest.approx([part / 2 for part in one.dollars])
    assert packed.calls == 6 and sum(packed.input_tokens) < sum(one.input_tokens)
    assert packed.output_tokens[1] == pytest.approx(one.output_tokens[1], rel=0.01)


def test_the_cap_is_on_the_card(provider, schema):
    rb.store.cap(0.0001)
    card = frame(60).reason.estimate(schema, teacher=provider.chat, price=(1.0, 2.0))._repr_html_()
    assert "cap leaves $0.00" in card


# -- a tokenizer that is at hand -----------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_local_model_counts_with_its_own_tokenizer(tiny_student):
    df = frame(3)
    fields = {"Urgency": {"instruction": "How soon?", "type": "choice", "options": ["low", "high"]}}
    estimate = df.reason.estimate(fields, teacher=f"transformers:{tiny_student}")
    job = df.reason.augment(fields, teacher=f"transformers:{tiny_student}").wait()
    assert estimate.input_tokens == (job.usage.input, job.usage.input)
    assert estimate.dollars == (0.0, 0.0) and estimate.thinking_tokens == (0, 0)


def test_a_model_that_is_not_downloaded_is_guessed(schema):
    low, high = frame(3).reason.estimate(schema, teacher="transformers:nobody/nothing").input_tokens
    assert 0 < low < high


def test_a_gguf_file_brings_its_tokenizer(tmp_path):
    gguf = pytest.importorskip("gguf")
    pytest.importorskip("xllamacpp")
    from reasonbook.teachers import Request
    from reasonbook.teachers.llamacpp import LlamaCpp
    from tests.teachers.tiny_gguf import SPECIAL, TEMPLATE, _byte_letters

    path = tmp_path / "words.gguf"
    vocabulary = [*_byte_letters(), "th", "the", *SPECIAL]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("words")
    for add, number in (("block_count", 1), ("context_length", 128), ("embedding_length", 8), ("head_count", 1),
                        ("feed_forward_length", 8), ("head_count_kv", 1), ("vocab_size", len(vocabulary))):  # fmt: skip
        getattr(writer, f"add_{add}")(number)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([1] * 258 + [3] * 3)
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(258)
    writer.add_eos_token_id(260)
    writer.add_chat_template(TEMPLATE)
    for step in ("header_to_file", "kv_data_to_file", "tensors_to_file"):
        getattr(writer, f"write_{step}")()
    writer.close()
    teacher = LlamaCpp(path)
    one, many = (teacher.count_tokens(Request("", "the" * count)) for count in (1, 41))
    assert many - one == 40, "a word of the file's vocabulary is one token"
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    assert LlamaCpp(tmp_path / "broken.gguf").count_tokens(Request("", "the")) is None
