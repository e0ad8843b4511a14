"""Tokens guessed offline: the band holds what real vocabularies count, and is no wider than it says."""

import time

import pytest

from reasonbook.teachers.pricing.token_weights import BANDS, FEATURES, VOCABULARIES
from reasonbook.teachers.pricing.tokens import count, features, foreign, quick_count
from tests.teachers.measured_texts import COUNTS, LANGUAGES, TEXTS

MODELS = {
    "o200k": "openai:gpt-4o", "claude4": "anthropic:claude-sonnet-4-5", "claude5": "anthropic:claude-opus-5",
    "gemma": "openai:gemini-2.5-flash", "deepseek": "openai:deepseek-chat", "llama3": "openai:llama-3.3-70b-versatile",
    "qwen": "openai:Qwen/Qwen3-8B", "qwen35": "openai:qwen3.6-27b", "tekken": "openai:mistral-small-latest",
}  # fmt: skip
WIDTH = {
    "english": 0.14, "german": 0.23, "finnish": 0.24, "russian": 0.18, "chinese": 0.22, "hindi": 0.17, "code": 0.22,
    "json": 0.24,
}  # fmt: skip


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("text", TEXTS, ids="-".join)
def test_the_band_holds_what_a_vocabulary_counts(text, vocabulary):
    found, true = count(TEXTS[text], MODELS[vocabulary]), COUNTS[text][vocabulary]
    assert found.low <= true <= found.high, f"{true / found.typical - 1:+.0%}"
    assert found.high / found.typical - 1 <= WIDTH[text[0]]
    unknown = count(TEXTS[text], "openai:my-deployment")
    assert unknown.low <= true <= unknown.high


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_old_rule_of_thumb_was_worse(language):
    """Four ASCII letters or one and a half others to a token: what was said before, of texts that fitted nothing."""
    text = TEXTS[language, "row"]
    ascii_letters = sum(letter.isascii() for letter in text)
    old = ascii_letters / 4 + (len(text) - ascii_letters) / 1.5
    wrong = {name: (abs(old / true - 1), abs(count(text, MODELS[name]).typical / true - 1))
             for name, true in COUNTS[language, "row"].items()}  # fmt: skip
    assert sum(new for _, new in wrong.values()) < 0.75 * sum(old for old, _ in wrong.values())


def test_every_kind_of_letter_is_counted_once():
    assert features("").keys() == set(FEATURES) == BANDS.keys() and not any(features(" ").values())
    kinds = {"Ω": "greek", "Ж": "cyrillic", "中": "han", "ア": "kana", "한": "hangul", "ह": "indic", "ع": "semitic",
             "ไ": "eastern", "。": "wide", "😀": "other", "7": "digits", "{": "signs", "\n": "lines"}  # fmt: skip
    for letter, kind in kinds.items():
        assert features(letter)[kind] == 1, letter
    assert features("customerOrder_id")["english"] == 3
    assert features("Straße")["accents"] == 1


def test_languages_in_latin_letters_are_told_apart():
    for language, kind in (
        ("english", "english"),
        ("german", "western"),
        ("finnish", "latin"),
        ("code", "english"),
    ):
        found = features(TEXTS[language, "row"])
        words = {name: found[name] for name in ("english", "western", "latin")}
        assert words[kind] > 0.8 * sum(words.values()), language


def test_how_much_longer_a_language_is():
    def of(language):
        return foreign([TEXTS[language, "row"]], "openai:gpt-4o")

    assert 0.95 < of("english") < 1.1 < of("german") < 1.35 < of("hindi") < 1.6
    assert of("json") < 1.1 and foreign([], "openai:gpt-4o") == 1.0 == foreign(["12"], "")


@pytest.mark.alone
def test_a_row_is_counted_quickly():
    text = TEXTS["russian", "row"]
    began = time.perf_counter()
    for _ in range(200):
        quick_count(text)
        count(text, "openai:gpt-4o")
    assert (time.perf_counter() - began) / 400 < 0.002
    assert quick_count("a" * 400) == 100
