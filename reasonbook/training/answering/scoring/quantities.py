"""Quantities: the numbers of a text with sign, currency, percent and unit, as exact fractions."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

_DIGITS = (
    r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}|\d{1,3}(?:[ '’\u00a0\u202f\u2009]\d{3})+|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d{1,3}(?:\.\d{3})+(?=,\d{1,2}\b)|\d+)"
)
_DECIMAL = rf"(?:{_DIGITS}(?:[.,]\d+)?|[.,]\d+)"
_VULGAR = {
    "½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3),
    "⅕": Fraction(1, 5), "⅖": Fraction(2, 5), "⅗": Fraction(3, 5), "⅘": Fraction(4, 5), "⅛": Fraction(1, 8),
    "⅜": Fraction(3, 8), "⅝": Fraction(5, 8), "⅞": Fraction(7, 8), "⅙": Fraction(1, 6), "⅚": Fraction(5, 6),
}  # fmt: skip
_SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "k": 10**3, "m": 10**6, "mn": 10**6, "bn": 10**9, "b": 10**9,
}  # fmt: skip
# Symbol or word → currency. A symbol that several share is the one that most texts mean.
_CURRENCIES = {
    "$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD", "bucks": "USD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "gbp": "GBP", "pound": "GBP",
    "pounds": "GBP", "¥": "JPY", "jpy": "JPY", "yen": "JPY", "₹": "INR", "inr": "INR", "rupees": "INR",
    "chf": "CHF", "francs": "CHF",
}  # fmt: skip
_PARTS_OF = {"cent": ("USD", 100), "cents": ("USD", 100), "¢": ("USD", 100), "pence": ("GBP", 100)}
# Unit → what it measures, and how many of the base unit it is.
_UNITS = {
    name: (kind, Fraction(factor))
    for kind, names in {
        "length": {"mm": "1/1000", "cm": "1/100", "m": "1", "km": "1000", "meter": "1", "meters": "1", "metre": "1",
                   "metres": "1", "kilometers": "1000", "kilometres": "1000", "centimeters": "1/100",
                   "inch": "127/5000", "inches": "127/5000", "ft": "381/1250", "feet": "381/1250",
                   "mile": "1609344/1000", "miles": "1609344/1000"},
        "mass": {"mg": "1/1000", "g": "1", "kg": "1000", "gram": "1", "grams": "1", "kilograms": "1000",
                 "lb": "45359237/100000", "lbs": "45359237/100000"},
        "time": {"ms": "1/1000", "s": "1", "sec": "1", "second": "1", "seconds": "1", "min": "60", "minute": "60",
                 "minutes": "60", "h": "3600", "hr": "3600", "hrs": "3600", "hour": "3600", "hours": "3600",
                 "day": "86400", "days": "86400", "week": "604800", "weeks": "604800"},
        "volume": {"ml": "1/1000", "l": "1", "liter": "1", "liters": "1", "litre": "1", "litres": "1"},
    }.items()
    for name, factor in names.items()
}  # fmt: skip
_ONES: dict[str, int] = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split(),
        range(20),
        strict=True,
    )
)
_TENS: dict[str, int] = dict(
    zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True)
)
_WORD = "|".join([*_ONES, *_TENS])
_WORDS = re.compile(
    rf"\b(?:{_WORD})(?:(?:[- ]|[- ]and[- ])(?:{_WORD}|hundred|thousand|million))*\b|\ba hundred\b|\ba thousand\b",
    re.IGNORECASE,
)
# What is made of digits and is no quantity: dates, times of day, versions, telephone numbers.
_NO_QUANTITY = re.compile(
    r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})\b|\b\d{1,2}:\d{2}(?::\d{2})?\b"
    r"|\b\d+(?:\.\d+){3,}\b|\b\d{3}-\d{3,4}(?:-\d{4})?\b|\b[A-Za-z]+[-_]?\d+\w*\b(?<!\bx\d)"
)
# "order 7", "step 3": a number that names a thing.
_NAMES = re.compile(
    r"\b(?:order|step|row|line|page|section|clause|question|item|ticket|case|room|rule|policy|article|version|part|"
    r"equation|table|figure|chapter|no\.|number|id|day)\s*(?:no\.?|number|:)?\s*[#№]?\s*$|[#№]\s?$",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"(?:\bnot|\bnever|n['’]t|\brather than|\binstead of|\bno longer)\s+"
    r"(?:(?:be|get|pay|exactly|just|only|the|a)\s+)*[$€£]?\s*$",
    re.IGNORECASE,
)
_OR_MORE = re.compile(
    r"\s*(?:(?:or|and)\s+(?:more|less|fewer|above|below|over|under|up)\b|\+(?!\s?\d))", re.IGNORECASE
)
_BOUND = re.compile(
    r"(?:\b(?:more|less|fewer|greater|smaller|larger|higher|lower)\s+than|\bat\s+(?:least|most)|\bup\s+to|\bover|\bunder"
    r"|\babove|\bbelow|\bbetween|[<>≤≥])\s*[$€£]?\s*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    rf"(?P<sign>[-+−–]\s?|\b(?:minus|negative)\s+)?"
    rf"(?:(?P<before>(?:US)?\$|[€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|INR)\b)\s?(?P<inner>[-−]\s?)?)?"
    rf"(?:(?P<whole>\d+)?\s?(?P<vulgar>[{''.join(_VULGAR)}])"
    rf"|(?:(?P<mixed>\d+)\s+)?(?P<top>\d+)\s?[/⁄]\s?(?P<bottom>\d+)(?![/.\d])"
    rf"|(?P<digits>{_DECIMAL})(?:\s?[x×*·]\s?10\s?\^?\s?\{{?(?P<power>[-−]?\d+)\}}?|[eE](?P<e>[-+−]?\d+))?)"
    rf"(?P<scale>\s?(?:hundred|thousand|million|billion|trillion)\b|(?:k|mn|bn|[MB])\b)?"
    rf"(?P<percent>\s?(?:%|％|\bpercent\b|\bper cent\b))?(?P<currency>\s?(?:[€£¥₹¢]|\$(?!\d)))?"
    rf"(?P<unit>\s?[A-Za-z]+\b)?",
    re.IGNORECASE,
)
_BEFORE = 60  # characters before a number that say what it is
_ROOT = re.compile(r"(?:\d\s*)?\\?(?:sqrt|pi|log|ln|sin|cos)\b|[√π]|\d\s*\^")


@dataclass(frozen=True)
class Quantity:
    """A number in a text.

    Attributes:
        value: exact; a percentage as its hundredfold, money in whole units of its currency.
        text: as it stands.
        start: where it begins.
        end: behind its last character.
        currency: such as ``USD``, or "".
        percent: whether it bears a percent sign.
        measure: what its unit measures and how many base units that is, or None.
        decimals: digits behind its decimal point.
        aside: it stands in brackets or names a thing ("order 7").
        denied: it is said not to be this.
        bound: it is only said to be more or less than this.
    """

    value: Fraction
    text: str
    start: int
    end: int
    currency: str = ""
    percent: bool = False
    measure: tuple[str, Fraction] | None = None
    decimals: int = 0
    aside: bool = False
    denied: bool = False
    bound: bool = False


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text, in order; dates, times, version and order numbers are none.

    Example:
        >>> from reasonbook.training.answering.scoring.quantities import quantities
        >>> [str(q.value) for q in quantities("1 1/2 cups of 1,204.50 g, not 3, on 2024-05-06")]
        ['3/2', '2409/2', '3']
    """
    plain = without_latex(text)
    taken = [match.span() for match in _NO_QUANTITY.finditer(plain)]
    found: list[Quantity] = []
    for match in _NUMBER.finditer(plain):
        if any(
            start < match.end() and match.start() < end and _overlaps(match, start, end)
            for start, end in taken
        ):
            continue
        quantity = _read(match, plain)
        if quantity is not None:
            found.append(quantity)
    found += _in_words(plain)
    return sorted((_placed(each, plain) for each in found), key=lambda each: each.start)


def without_latex(text: str) -> str:
    """A text with LaTeX's fractions, spaces and dollar signs as plain text; formulas lose their dollars."""
    plain = re.sub(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}", r" \1/\2", text)
    plain = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r" \1/\2", plain)
    plain = re.sub(r"\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}", r"\1", plain)
    plain = re.sub(r"(?<!\\)\$\$?(?!\s)([^$\n]*[^$\s\\])\$\$?(?![\d,.]*\d)", r"\1", plain)
    plain = plain.replace("\\$", "$").replace("\\%", "%").replace("{,}", ",")
    plain = re.sub(r"\\(?:times|cdot)\b", "×", plain)
    plain = re.sub(r"\\(?:left|right|displaystyle|quad|qquad|[,;:! ()\[\]])", " ", plain)
    return plain.strip()


def is_formula(text: str) -> bool:
    """Whether a text holds roots, powers or the like, which are more than a number."""
    return _ROOT.search(re.sub(r"10\s?\^\s?\{?-?\d+", "", without_latex(text))) is not None


def _overlaps(match: re.Match[str], start: int, end: int) -> bool:
    """Whether the digits of a match, not the words around them, lie where something else stands."""
    first = next(i for i in range(match.start(), match.end()) if not match.string[i].isspace())
    digits = [i for i in range(first, match.end()) if match.string[i].isdigit()]
    return any(start <= i < end for i in digits)


def _read(match: re.Match[str], text: str) -> Quantity | None:
    part = match.groupdict()
    if match.start() and text[match.start() - 1].isalnum() and not part["sign"]:
        return None
    decimals = 0
    if part["vulgar"]:
        value = Fraction(int(part["whole"] or 0)) + _VULGAR[part["vulgar"]]
    elif part["top"]:
        if not int(part["bottom"]):
            return None
        value = Fraction(int(part["mixed"] or 0)) + Fraction(int(part["top"]), int(part["bottom"]))
    else:
        digits, decimals = _plain_digits(part["digits"])
        value = Fraction(Decimal(digits))
        power = (part["power"] or part["e"] or "0").replace("−", "-")
        if abs(int(power)) > 400:
            return None
        value *= Fraction(10) ** int(power)
    value *= _SCALES.get((part["scale"] or "").strip().lower(), 1)
    sign, start = part["sign"] or "", match.start()
    if sign.strip() in ("-", "−", "–") and start and (text[start - 1].isalnum() or text[start - 1] in ")%"):
        sign, start = "", match.start() + len(sign)  # "5-3" and "5 - 3" hold no minus three
    negative = sign.strip().lower() in ("-", "−", "–", "minus", "negative") or bool(part["inner"])
    if re.search(r"[\d)]\s$", text[max(0, start - 2) : start]) and sign.strip() in ("-", "−", "–", "+"):
        negative = False
    unit = (part["unit"] or "").strip().lower()
    symbol = (part["before"] or part["currency"] or "").strip().lower()
    currency = _CURRENCIES.get(symbol) or _CURRENCIES.get(unit, "")
    small = _PARTS_OF.get(symbol) or _PARTS_OF.get(unit)
    if small:
        currency, value = small[0], value / small[1]
    end = (
        match.end()
        if unit in _UNITS or unit in _CURRENCIES or unit in _PARTS_OF
        else match.end() - len(part["unit"] or "")
    )
    return Quantity(
        -value if negative else value,
        text[start:end].strip(),
        start,
        end,
        currency,
        bool(part["percent"]) or unit in ("percent", "pct"),
        _UNITS.get(unit),
        decimals,
    )


def _plain_digits(text: str) -> tuple[str, int]:
    """Digits as Python reads them, and how many stand behind the point; thousands by how they are grouped."""
    bare = re.sub(r"[ '’\u00a0\u202f\u2009]", "", text)
    commas, points = bare.count(","), bare.count(".")
    if commas and points:
        last = max(bare.rfind(","), bare.rfind("."))
        bare = re.sub(r"[.,]", "", bare[:last]) + "." + bare[last + 1 :]
    elif commas:
        grouped = re.fullmatch(r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}", bare) is not None
        bare = bare.replace(",", "" if grouped or commas > 1 else ".")
    elif points > 1:
        bare = bare.replace(".", "")
    whole, _, behind = bare.partition(".")
    return f"{whole or 0}.{behind or 0}", len(behind)


def _in_words(text: str) -> list[Quantity]:
    found: list[Quantity] = []
    for match in _WORDS.finditer(text):
        words = re.split(r"[- ]+", match.group().lower())
        total = current = 0
        for word in words:
            if word == "hundred":
                current = (current or 1) * 100
            elif word in ("thousand", "million"):
                total, current = total + (current or 1) * _SCALES[word], 0
            elif word not in ("and", "a"):
                current += _ONES.get(word, _TENS.get(word, 0))
        behind = re.match(r"\s+([A-Za-z]+|%)", text[match.end() :])
        unit = behind.group(1).lower() if behind else ""
        before = re.search(r"\b(?:minus|negative)\s+$", text[: match.start()], re.IGNORECASE)
        value = Fraction(total + current) * (-1 if before else 1)
        small = _PARTS_OF.get(unit)
        found.append(
            Quantity(
                value / small[1] if small else value,
                match.group(),
                match.start(),
                match.end(),
                small[0] if small else _CURRENCIES.get(unit, ""),
                unit in ("percent", "%"),
                _UNITS.get(unit),
            )
        )
    return found


def _placed(quantity: Quantity, text: str) -> Quantity:
    before = text[max(0, quantity.start - _BEFORE) : quantity.start]
    opened = before.rfind("(")
    inside = opened > before.rfind(")") and text[: quantity.start - len(before) + opened].strip() != ""
    return replace(
        quantity,
        aside=inside or _NAMES.search(before) is not None,
        denied=_NOT.search(before) is not None,
        bound=_BOUND.search(before) is not None or _OR_MORE.match(text, quantity.end) is not None,
    )
