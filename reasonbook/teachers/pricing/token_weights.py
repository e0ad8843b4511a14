"""Token weights: what each kind of character takes in real vocabularies, fitted to them; see `tokens`.

The vocabularies: OpenAI's o200k, Gemma 3, DeepSeek V4, Llama 3.1, Qwen (to 3 and from 3.5) and Mistral's Tekken as
their makers publish them, and a reconstruction of Claude's counts (ctok 1.3), measured on 27 November 2026. Greek,
Thai and its neighbours, and signs outside of any script were not measured: their figures are rules of thumb.
"""

from __future__ import annotations

from collections.abc import Mapping

VOCABULARIES = ("o200k", "claude4", "claude5", "gemma", "deepseek", "llama3", "qwen", "qwen35", "tekken")
# Kind of character → tokens of each in the vocabularies above; the last column says how far a guess by it may be off.
_TABLE = """
english           0.95  0.92  1.08  0.98  0.96  0.93  0.97  0.97  0.94   0.12
english_letters   0.11  0.16  0.42  0.05   0.1  0.11   0.1  0.08  0.16   0.12
western           0.82  0.79  0.98  0.93  0.83  0.75   0.8  0.93   0.9   0.22
western_letters   0.26  0.63  1.02  0.21  0.39  0.47  0.46   0.2  0.28   0.22
latin             0.81  0.72  1.02  0.44  0.58  0.33  0.46  0.61   0.9   0.23
latin_letters     0.44  0.66  0.95   0.6  0.64  0.77  0.77  0.56   0.5   0.23
accents           0.22  0.66  0.21  0.12  0.75  0.24  0.23  0.13  0.23   0.23
digits               0     0     0  0.48     0     0   0.5  0.77   0.6   0.25
digit_groups      1.53  1.11  0.99  1.37  1.55  1.27  1.54  0.93  1.47   0.25
lines             0.61  1.81  0.95  1.81  0.69  0.22   0.4  1.22  0.63   0.30
blanks               0     0     0     0     0     0     0     0     0   0.30
signs              0.4     0  0.26     0  0.28     0  0.27  0.31  0.54   0.25
sign_runs         0.25  0.96  0.75  0.93  0.45  0.87  0.37  0.38     0   0.25
cyrillic           1.1  0.91   0.9  1.02  1.42  0.55  0.86  1.04  0.89   0.16
cyrillic_letters  0.08  0.29  0.29  0.08  0.07  0.23  0.22  0.07  0.17   0.16
han               0.76   1.1  1.07  0.66  0.54  0.81  0.61  0.55  0.84   0.17
kana              0.54   0.8   0.8  0.35  0.66  0.56  0.59  0.47  0.49   0.17
hangul            0.74  1.41  1.39  0.67   0.9  0.77  0.85  0.61   0.7   0.15
indic             0.16  0.88  0.88  0.07  0.49  0.51  1.02  0.47  0.45   0.14
indic_words       0.83     0     0  0.94  1.03  0.57   0.6  1.32     0   0.14
semitic              0  0.41  0.39  0.13  0.19     0  0.05     0     0   0.15
semitic_words     1.65  1.88  1.96  1.23   1.2  1.97  1.75  1.62  1.59   0.15
greek              0.5   0.5   0.5   0.5   0.5   0.5   0.5   0.5   0.5   0.40
eastern            0.6   0.6   0.6   0.6   0.6   0.6   0.6   0.6   0.6   0.40
wide               1.9  1.23  1.12  1.11  1.18  1.31  0.81     0  2.77   0.30
other                2     2     2     2     2     2     2     2     2   0.40
"""
# Languages by their letters → tokens of a text for one of the same text in English, measured on translations.
_FOREIGN = """
western  1.15 1.60 1.60 1.21 1.38 1.36 1.35 1.17 1.22
latin    1.43 1.83 1.77 1.40 1.74 1.67 1.69 1.42 1.53
cyrillic 1.31 1.97 1.48 1.27 1.53 1.51 1.65 1.22 1.47
han      1.18 1.59 1.18 1.03 0.86 1.22 0.94 0.83 1.35
kana     1.41 1.82 1.37 1.00 1.41 1.43 1.29 1.01 1.44
hangul   1.28 2.29 1.71 1.19 1.53 1.31 1.46 1.08 1.20
indic    1.49 3.30 2.47 1.28 2.94 2.59 4.54 3.19 1.71
semitic  1.19 2.50 1.88 1.27 1.42 1.42 1.40 1.17 1.13
"""


def _read(table: str) -> dict[str, list[float]]:
    lines = [line.split() for line in table.strip().splitlines()]
    return {name: [float(part) for part in parts] for name, *parts in lines}


_ROWS = _read(_TABLE)
FEATURES = tuple(_ROWS)
BANDS: Mapping[str, float] = {name: row[-1] for name, row in _ROWS.items()}
WEIGHTS: Mapping[str, Mapping[str, float]] = {
    vocabulary: {name: row[column] for name, row in _ROWS.items()}
    for column, vocabulary in enumerate(VOCABULARIES)
}
FOREIGN: Mapping[str, Mapping[str, float]] = {
    vocabulary: {name: row[column] for name, row in _read(_FOREIGN).items()}
    for column, vocabulary in enumerate(VOCABULARIES)
}
