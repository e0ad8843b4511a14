"""Thinking: tokens that a thinking model writes before its answer, hidden or shown, by family and effort.

They are billed as output and are most of it. How many depends on the question; these are orders of magnitude for
questions of the size of a row, not measurements of ours, and a pilot puts what it measured in their place. That
models with open weights think 1.5 to 4 times as long as closed ones, and gpt-oss the shortest, is measured in
"Measuring Thinking Efficiency in Reasoning Models" (Nous Research, August 2025). Which models think unasked, and how
hard, is from the documentation of OpenAI, Anthropic and DeepSeek, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Tokens = tuple[int, int, int]  # low, typical, high


@dataclass(frozen=True)
class ThinkingProfile:
    """How a family of models thinks before it answers.

    Attributes:
        models: what the names of its models look like, the provider's part left out.
        efforts: low, typical and high tokens of a call by effort, in the provider's words.
        default: the effort when none is asked for; empty where it then does not think.
        asked: whether it thinks only when thinking is asked for.
    """

    models: str
    efforts: Mapping[str, Tokens]
    default: str
    asked: bool = False

    def tokens(self, effort: str | None, asked: bool) -> Tokens:
        """Tokens of a call: low, typical, high."""
        if effort is None:
            if not self.default or (self.asked and not asked):
                return _NONE
            effort = self.default
        return self.efforts.get(effort.lower(), self._widest())

    def _widest(self) -> Tokens:
        """Of an effort by a word that is not known: anything that the family does."""
        known = [tokens for tokens in self.efforts.values() if tokens[2]]
        middle = self.efforts[self.default] if self.default else known[len(known) // 2]
        return min(low for low, _, _ in known), middle[1], max(high for _, _, high in known)


_NONE: Tokens = (0, 0, 0)
_GPT: Mapping[str, Tokens] = {
    "none": _NONE,
    "minimal": (0, 0, 64),
    "low": (0, 130, 600),
    "medium": (64, 450, 2_000),
    "high": (200, 1_300, 6_000),
    "xhigh": (400, 3_000, 15_000),
    "max": (800, 5_000, 30_000),
}
_GPT_NEWER = {**_GPT, "medium": (0, 450, 2_000)}  # some of them do not think unless they are told to
_CLAUDE: Mapping[str, Tokens] = {
    "low": (0, 100, 800),
    "medium": (50, 350, 2_000),
    "high": (100, 700, 4_000),
    "xhigh": (200, 1_500, 8_000),
    "max": (400, 3_000, 16_000),
}
_GEMINI: Mapping[str, Tokens] = {
    "none": _NONE,
    "minimal": (0, 0, 200),
    "low": (0, 250, 1_200),
    "medium": (100, 600, 2_500),
    "high": (200, 1_000, 5_000),
}
_OPEN: Mapping[str, Tokens] = {
    "none": _NONE,
    "low": (60, 300, 1_500),
    "medium": (150, 600, 3_000),
    "high": (200, 1_000, 6_000),
    "max": (400, 2_000, 16_000),
}
_SHORT: Mapping[str, Tokens] = {
    "low": (10, 60, 300),
    "medium": (30, 180, 1_000),
    "high": (100, 700, 5_000),
}

# The first line that fits a model's name counts; one that fits none is not known to think or not to.
PROFILES = (
    ThinkingProfile(r"gpt-5[\w.-]*-chat|gpt-[1-4]|chatgpt", _GPT, ""),
    ThinkingProfile(r"gpt-5\.[1-4]", _GPT, "none"),  # these think when they are told how hard
    ThinkingProfile(r"gpt-(?:5\.[5-9]|[6-9])", _GPT_NEWER, "medium"),
    ThinkingProfile(r"gpt-5|o[1-9](?![a-z\d])", _GPT, "medium"),
    ThinkingProfile(r"gpt-oss", _SHORT, "medium"),
    ThinkingProfile(r"claude-(?:[12]|3-5|3-haiku|3-opus|3-sonnet)", _CLAUDE, ""),
    ThinkingProfile(r"claude-(?:opus|haiku)-5-5", _CLAUDE, "medium"),
    ThinkingProfile(r"claude-[a-z]+-[5-9]", _CLAUDE, "high"),
    ThinkingProfile(r"claude", _CLAUDE, "high", asked=True),  # up to 4.8
    ThinkingProfile(r"gemini-(?:1|2\.0|2\.5-flash-lite)", _GEMINI, ""),
    ThinkingProfile(r"gemini-(?:2\.5-flash|[3-9][\d.]*-flash)", _GEMINI, "medium"),
    ThinkingProfile(r"gemini-(?:2\.5|[3-9])", _GEMINI, "high"),
    ThinkingProfile(r"deepseek-(?:reasoner|r1|v[4-9])", _OPEN, "high"),
    ThinkingProfile(r"deepseek-(?:chat|v2|v3(?!\.\d-speciale))", _OPEN, ""),
    ThinkingProfile(r"qwq|qwen3[\w.-]*-thinking", _OPEN, "high"),
    ThinkingProfile(r"qwen3[\w.-]*-(?:instruct|coder)|qwen-?[12]", _OPEN, ""),
    ThinkingProfile(r"qwen-?3", _OPEN, "medium"),
    ThinkingProfile(r"magistral|kimi-k2[\w.-]*-thinking|minimax-m|glm-(?:4\.[5-9]|[5-9])|grok-(?:4|3-mini)|nemotron",
                    _OPEN, "medium"),
    ThinkingProfile(r"(?:ministral|mistral|mixtral|codestral|pixtral|open-mistral|llama|gemma|phi-[1-4](?!-\w*reason)|"
                    r"kimi-k2|command|smollm[12])", _OPEN, ""),
)  # fmt: skip
_COMPILED = tuple(
    (re.compile(rf"(?:^|[/:\W_])(?:{profile.models})", re.IGNORECASE), profile) for profile in PROFILES
)


def profile_of(teacher: str) -> ThinkingProfile | None:
    """The profile of a teacher of this name; None where its model is not known.

    Example:
        >>> from reasonbook.teachers.pricing.thinking import profile_of
        >>> profile_of("openai:gpt-5-mini").tokens("low", asked=False)[0] < 600
        True
        >>> profile_of("openai:gpt-4.1-mini").tokens(None, asked=False)
        (0, 0, 0)
        >>> profile_of("openai:my-deployment") is None
        True
    """
    model = teacher.partition(":")[2].partition("@")[0]
    return next((profile for pattern, profile in _COMPILED if pattern.search(model)), None)
