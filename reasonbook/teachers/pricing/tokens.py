"""Tokens: how many a text has, guessed offline by script and kind of character, with a band that holds.

Vocabularies are downloads of megabytes, and those of some providers are secret. So the parts of a text are counted
(words of a script, their letters, digits, signs, line breaks), and each kind weighs what it weighs in real
vocabularies: `token_weights` are fitted to them by least squares on texts in fourteen languages, code and JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from .token_weights import BANDS, FEATURES, FOREIGN, VOCABULARIES, WEIGHTS

# What a model's name looks like → its vocabulary; the first that fits counts.
_MODELS = tuple(
    (re.compile(rf"(?:^|[/\W_])(?:{names})", re.IGNORECASE), vocabulary)
    for names, vocabulary in (
        (r"gpt-(?:4o|4\.|[5-9]|oss)|chatgpt|o[1-9](?![a-z\d])", "o200k"),
        (r"claude-[a-z]+-(?:4-[7-9]|[5-9])", "claude5"),
        (r"claude", "claude4"),
        (r"gemini|gemma", "gemma"),
        (r"deepseek(?!-r1-distill)", "deepseek"),
        (r"qwen-?(?:3\.[5-9]|[4-9])", "qwen35"),
        (r"qwen|qwq", "qwen"),
        (r"mistral|ministral|mixtral|codestral|magistral|devstral|pixtral", "tekken"),
        (r"llama", "llama3"),
    )
)
# A word that goes on in capitals is two, as it is in code.
_PARTS = re.compile(
    r"(?P<latin>[A-Z\u00c0-\u00de]?[a-z\u00df-\u024f\u1e00-\u1eff]+|[A-Z\u00c0-\u00de]+(?![a-z]))"
    r"|(?P<digits>[0-9]+)|(?P<lines>\s*\n\s*)|(?P<blanks>[ \t]{2,})|(?P<signs>[!-/:-@\[-`{-~]+)"
    r"|(?P<cyrillic>[\u0400-\u052f]+)|(?P<han>[\u3400-\u9fff\U00020000-\U0002ffff]+)|(?P<kana>[\u3040-\u30ff]+)"
    r"|(?P<hangul>[\uac00-\ud7af]+)|(?P<indic>[\u0900-\u0dff]+)|(?P<semitic>[\u0590-\u06ff\u0750-\u077f]+)"
    r"|(?P<greek>[\u0370-\u03ff\u1f00-\u1fff]+)|(?P<eastern>[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]+)"
    r"|(?P<wide>[\u2000-\u206f\u3000-\u303f\uff00-\uffef])|(?P<other>\S)"
)
# Small words by which a text's language is told, as far as it matters: English words are one token each, those of
# other Western languages more, those of languages with long words and little text in the vocabularies the most.
_ENGLISH = (
    "the of and to in is that it for was with as be this are at by from or have not you we they which if can has but "
    "i my your what when would how there been"
)
_WESTERN = (
    "der und das ist nicht ein eine ich sie mit für auf dem den von wir es im zu zum sich werden oder le la les des "
    "est une que qui dans pour pas sur vous je du et en el los las por con para su lo del y il di che non per sono "
    "della un uma com os não mais het een van ik niet dat voor och att det är som på jag og ikke til av"
)
_OTHER = (
    "ja että ei se hän olen ovat kun mutta jos tai myös oli joka sen on hän niin kuin w z nie się że jest do ale jak "
    "na ve bir bu için ile çok daha az egy hogy és nem van și nu este care din je v že ali ili nej là và của không "
    "yang dengan untuk dan"
)
_LANGUAGE = {word: kind for kind, words in (("latin", _OTHER), ("western", _WESTERN), ("english", _ENGLISH))
             for word in words.split()}  # fmt: skip

_FREE = 4  # letters of a Latin word that come with it


def features(text: str) -> dict[str, float]:
    """What a text is made of, by the names of `FEATURES`."""
    found = dict.fromkeys(FEATURES, 0.0)
    told = {"english": 0.0, "western": 0.0, "latin": 0.0}
    words = letters = 0
    for part in _PARTS.finditer(text):
        kind, length = part.lastgroup, part.end() - part.start()
        if kind == "latin":
            word = part.group()
            words += 1
            letters += max(0, length - _FREE)
            if not word.isascii():
                found["accents"] += sum(letter > "\x7f" for letter in word)
            language = _LANGUAGE.get(word.lower())
            if language is not None:
                told[language] += 1
        elif kind == "digits":
            found["digits"] += length
            found["digit_groups"] += (length + 2) // 3
        elif kind == "signs":
            found["signs"] += length
            found["sign_runs"] += 1
        elif kind in ("cyrillic", "semitic", "indic"):
            found["cyrillic_letters" if kind == "cyrillic" else kind] += length
            found["cyrillic" if kind == "cyrillic" else f"{kind}_words"] += 1
        elif kind in ("lines", "blanks"):
            found[kind] += 1
        elif kind is not None:
            found[kind] += length
    if found["accents"] > 0.02 * letters:  # whatever it is, it is not English
        told["western" if told["western"] > told["latin"] else "latin"] += found["accents"] / 4
    everything = sum(told.values()) or 1.0
    told["english"] += not sum(told.values())
    for language, hits in told.items():
        found[language] = words * hits / everything
        found[f"{language}_letters"] = letters * hits / everything
    return found


@dataclass(frozen=True)
class TokenCount:
    """Tokens of a text: low, typical, high.

    Example:
        >>> from reasonbook.teachers.pricing.tokens import count
        >>> found = count("Where is my parcel?", "openai:gpt-4o")
        >>> found.low < 5 < found.high
        True
    """

    low: float
    typical: float
    high: float


def count(text: str, model: str = "") -> TokenCount:
    """Tokens of a text in the vocabulary of a teacher's model; over all of them where its family is not known."""
    found = features(text)
    guesses = [_guess(found, WEIGHTS[name]) for name in _vocabularies(model)]
    lows, typicals, highs = zip(*guesses, strict=True)
    return TokenCount(min(lows), fmean(typicals), max(highs))


def quick_count(text: str) -> float:
    """As `count`, for where microseconds count and a tenth does not."""
    return len(text) / 4 if text.isascii() else _guess(features(text), WEIGHTS["o200k"])[1]


def foreign(texts: Iterable[str], model: str = "") -> float:
    """Tokens that the language of these texts takes for one that the same would take in English."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(features(text))
    factors: list[float] = []
    for name in _vocabularies(model):
        weights, known = WEIGHTS[name], FOREIGN[name]
        parts = {kind: weights[kind] * found[kind] for kind in known if kind != "accents"}
        for kind in ("western", "latin", "cyrillic"):
            parts[kind] += weights[f"{kind}_letters"] * found[f"{kind}_letters"]
        # What is in English stands beside them with the factor 1.
        english = (
            weights["english"] * found["english"] + weights["english_letters"] * found["english_letters"]
        )
        total = sum(parts.values()) + english
        factors.append(
            (sum(known[k] * part for k, part in parts.items()) + english) / total if total else 1.0
        )
    return fmean(factors)


def _vocabularies(model: str) -> tuple[str, ...]:
    """Those that a teacher's model may have: one where its name tells, else all."""
    name = model.partition(":")[2].partition("@")[0]
    known = next((vocabulary for pattern, vocabulary in _MODELS if pattern.search(name)), None)
    return (known,) if known else VOCABULARIES


def _guess(found: Mapping[str, float], weights: Mapping[str, float]) -> tuple[float, float, float]:
    total = doubt = 0.0
    for name, number in found.items():
        part = weights[name] * number
        total += part
        doubt += BANDS[name] * part
    return total - doubt, total, total + doubt
