"""Price table: what the models of the common providers cost, a line each, with its date and its source.

A model that is not here has no price: one that is left out is asked for, one that is wrong is believed. OpenRouter is
not here either, since its answers say what they cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..teacher import Teacher
from .price import FREE, Price

_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$")


@dataclass(frozen=True)
class Provider:
    """What all models of a provider have in common.

    Attributes:
        host: the end of its host name.
        source: whose figures they are.
        batch: share of the price that its batch API asks; 1 where it has none.
    """

    host: str
    source: str
    batch: float = 0.5


PROVIDERS = {
    "openai": Provider("api.openai.com", "OpenAI's price list"),
    "anthropic": Provider("api.anthropic.com", "Anthropic's price list"),
    "google": Provider("generativelanguage.googleapis.com", "Google's price list for Gemini"),
    "deepseek": Provider(
        "api.deepseek.com", "DeepSeek's price list at its peak hours, half of it at others", 1.0
    ),
    "mistral": Provider("api.mistral.ai", "Mistral's price list"),
    "groq": Provider("api.groq.com", "Groq's price list"),
    "together": Provider("api.together.xyz", "Together's price list"),
}
# Second hand: taken on 27 November 2026 from two public tables that agree on them (genai-prices 0.2.3 and litellm
# 1.110.2, or aicost 0.2.4 where litellm has no line); what they disagree on is left out. For prompts below the tier of
# long ones (100 000 tokens at Haiku 5.5, 200 000 at Gemini's Pro, 272 000 at GPT-6).
# Provider, model; dollars per million tokens read, read from the cache, and written; tokens written to the cache, and
# those that stay there for an hour; when it was looked up, and where.
_TABLE = """
openai    gpt-3.5-turbo                                   0.5      -   1.5     -    -  2026-11  genai-prices+litellm
openai    gpt-4-turbo                                      10      -    30     -    -  2026-11  genai-prices+litellm
openai    gpt-4.1                                           2    0.5     8     -    -  2026-11  genai-prices+litellm
openai    gpt-4.1-mini                                    0.4    0.1   1.6     -    -  2026-11  genai-prices+litellm
openai    gpt-4.1-nano                                    0.1  0.025   0.4     -    -  2026-11  genai-prices+litellm
openai    gpt-4o                                          2.5   1.25    10     -    -  2026-11  genai-prices+litellm
openai    gpt-4o-2024-05-13                                 5      -    15     -    -  2026-11  genai-prices+litellm
openai    gpt-4o-mini                                    0.15  0.075   0.6     -    -  2026-11  genai-prices+litellm
openai    gpt-5                                          1.25  0.125    10     -    -  2026-11  genai-prices+litellm
openai    gpt-5-mini                                     0.25  0.025     2     -    -  2026-11  genai-prices+litellm
openai    gpt-5-nano                                     0.05  0.005   0.4     -    -  2026-11  genai-prices+litellm
openai    gpt-5-pro                                        15      -   120     -    -  2026-11  genai-prices+litellm
openai    gpt-5.1                                        1.25  0.125    10     -    -  2026-11  genai-prices+litellm
openai    gpt-5.2                                        1.75  0.175    14     -    -  2026-11  genai-prices+litellm
openai    gpt-5.2-pro                                      21      -   168     -    -  2026-11  genai-prices+litellm
openai    gpt-5.3-codex                                  1.75  0.175    14     -    -  2026-11  genai-prices+litellm
openai    gpt-5.4                                         2.5   0.25    15     -    -  2026-11  genai-prices+litellm
openai    gpt-5.4-mini                                   0.75  0.075   4.5     -    -  2026-11  genai-prices+litellm
openai    gpt-5.4-nano                                    0.2   0.02  1.25     -    -  2026-11  genai-prices+litellm
openai    gpt-5.4-pro                                      30      -   180     -    -  2026-11  genai-prices+litellm
openai    gpt-5.5                                           5    0.5    30     -    -  2026-11  genai-prices+litellm
openai    gpt-5.5-pro                                      30      -   180     -    -  2026-11  genai-prices+litellm
openai    gpt-5.6-luna                                    0.2   0.02   1.2  0.25    -  2026-11  genai-prices+litellm
openai    gpt-5.6-sol                                       4    0.4    20     5    -  2026-11  genai-prices+litellm
openai    gpt-5.6-terra                                     2    0.2    12   2.5    -  2026-11  genai-prices+litellm
openai    gpt-6-astra                                      10      1    50  12.5    -  2026-11  genai-prices+litellm
openai    gpt-6-luna                                      0.1   0.01   0.5 0.125    -  2026-11  genai-prices+litellm
openai    gpt-6-sol                                         2    0.2    10   2.5    -  2026-11  genai-prices+litellm
openai    gpt-6.1-sol                                       2    0.1    10   2.5    -  2026-11  genai-prices+litellm
openai    gpt-6.1-terra                                     1   0.05     5  1.25    -  2026-11  genai-prices+litellm
openai    o1                                               15    7.5    60     -    -  2026-11  genai-prices+litellm
openai    o1-pro                                          150      -   600     -    -  2026-11  genai-prices+litellm
openai    o3                                                2    0.5     8     -    -  2026-11  genai-prices+litellm
openai    o3-mini                                         1.1   0.55   4.4     -    -  2026-11  genai-prices+litellm
openai    o3-pro                                           20      -    80     -    -  2026-11  genai-prices+litellm
openai    o4-mini                                         1.1  0.275   4.4     -    -  2026-11  genai-prices+litellm
anthropic claude-fable-5                                   10      1    50  12.5   20  2026-11  genai-prices+litellm
anthropic claude-fable-5-1                                 10   0.25    50  12.5   20  2026-11  genai-prices+litellm
anthropic claude-haiku-4-5                                  1    0.1     5  1.25    2  2026-11  genai-prices+litellm
anthropic claude-haiku-5-5                                0.1   0.01   0.5 0.125  0.2  2026-11  genai-prices+litellm
anthropic claude-opus-4-5                                   5    0.5    25  6.25   10  2026-11  genai-prices+litellm
anthropic claude-opus-4-6                                   5    0.5    25  6.25   10  2026-11  genai-prices+litellm
anthropic claude-opus-4-7                                   5    0.5    25  6.25   10  2026-11  genai-prices+litellm
anthropic claude-opus-4-8                                   5    0.5    25  6.25   10  2026-11  genai-prices+litellm
anthropic claude-opus-5                                     5    0.5    25  6.25   10  2026-11  genai-prices+litellm
anthropic claude-opus-5-5                                   4    0.2    20     5    8  2026-11  genai-prices+litellm
anthropic claude-sonnet-4-5                                 3    0.3    15  3.75    6  2026-11  genai-prices+litellm
anthropic claude-sonnet-4-6                                 3    0.3    15  3.75    6  2026-11  genai-prices+litellm
anthropic claude-sonnet-5                                   2    0.2    10   2.5    4  2026-11  genai-prices+litellm
anthropic claude-sonnet-5-5                                 2    0.1    10   2.5    4  2026-11  genai-prices+litellm
google    gemini-2.5-flash                                0.3   0.03   2.5     -    -  2026-11  genai-prices+litellm
google    gemini-2.5-flash-lite                           0.1   0.01   0.4     -    -  2026-11  genai-prices+litellm
google    gemini-2.5-pro                                 1.25  0.125    10     -    -  2026-11  genai-prices+litellm
google    gemini-3-flash-preview                          0.5   0.05     3     -    -  2026-11  genai-prices+litellm
google    gemini-3.1-flash-lite                          0.25  0.025   1.5     -    -  2026-11  genai-prices+litellm
google    gemini-3.1-pro-preview                            2    0.2    12     -    -  2026-11  genai-prices+litellm
google    gemini-3.5-flash                                1.5   0.15     9     -    -  2026-11  genai-prices+litellm
google    gemini-3.5-flash-lite                           0.3   0.03   2.5     -    -  2026-11  genai-prices+litellm
google    gemini-3.6-flash                               0.75  0.075  3.75     -    -  2026-11  genai-prices+litellm
google    gemini-3.7-flash                               0.75  0.075  3.75     -    -  2026-11  genai-prices+litellm
google    gemini-3.8-flash                               0.75  0.075  3.75     -    -  2026-11  genai-prices+litellm
google    gemini-4-argon                                    2    0.1    10     -    -  2026-11  genai-prices+litellm
deepseek  deepseek-flash                                  0.3  0.006   1.2     -    -  2026-11  genai-prices+litellm
deepseek  deepseek-v4-flash                               0.3  0.006   1.2     -    -  2026-11  genai-prices+litellm
deepseek  deepseek-v4-pro                                1.32  0.044  3.96     -    -  2026-11  genai-prices+litellm
mistral   codestral-2508                                  0.3   0.03   0.9     -    -  2026-11  genai-prices+litellm
mistral   ministral-14b-2512                              0.2   0.02   0.2     -    -  2026-11  genai-prices+litellm
mistral   ministral-3b-2512                               0.1   0.01   0.1     -    -  2026-11  genai-prices+litellm
mistral   ministral-8b-2512                              0.15  0.015  0.15     -    -  2026-11  genai-prices+litellm
mistral   ministral-8b-latest                            0.15  0.015  0.15     -    -  2026-11  genai-prices+litellm
mistral   mistral-large-2512                              0.5   0.05   1.5     -    -  2026-11  genai-prices+litellm
mistral   mistral-large-4                                 0.7   0.07   2.1     -    -  2026-11  genai-prices+litellm
mistral   mistral-medium-3-5                              1.5   0.15   7.5     -    -  2026-11  genai-prices+litellm
mistral   mistral-medium-latest                           1.5   0.15   7.5     -    -  2026-11  genai-prices+litellm
mistral   mistral-small-2603                             0.15  0.015   0.6     -    -  2026-11  genai-prices+litellm
mistral   mistral-small-latest                           0.15  0.015   0.6     -    -  2026-11  genai-prices+litellm
groq      llama-3.1-8b-instant                           0.05      -  0.08     -    -  2026-11  genai-prices+aicost
groq      llama-3.3-70b-versatile                        0.59      -  0.79     -    -  2026-11  genai-prices+aicost
groq      openai/gpt-oss-120b                            0.15  0.075   0.6     -    -  2026-11  genai-prices+litellm
groq      openai/gpt-oss-20b                            0.075 0.0375   0.3     -    -  2026-11  genai-prices+litellm
groq      qwen/qwen3-32b                                 0.29      -  0.59     -    -  2026-11  genai-prices+aicost
groq      qwen/qwen3.8-27b                                0.8      -     4     -    -  2026-11  genai-prices+litellm
together  MiniMaxAI/MiniMax-M3                            0.3   0.06   1.2     -    -  2026-11  genai-prices+litellm
together  MiniMaxAI/MiniMax-M3.1-Flash                   0.15  0.015   0.6     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.5-9B                                0.17      -  0.25     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.6-Plus                               0.5      -     3     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.7-Max                                2.5    0.5   7.5     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.7-Plus                              0.32      -  1.28     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.8-2.4T-A95B                            2      -     6     -    -  2026-11  genai-prices+litellm
together  Qwen/Qwen3.8-Flash                             0.15      -  0.47     -    -  2026-11  genai-prices+litellm
together  deepseek-ai/DeepSeek-V4-Pro-0813               1.32   0.13  3.96     -    -  2026-11  genai-prices+litellm
together  deepseek-ai/DeepSeek-V4.1-Flash                 0.3  0.006   1.2     -    -  2026-11  genai-prices+litellm
together  meta-llama/Llama-4-Scout-17B-16E-Instruct      0.18      -  0.59     -    -  2026-11  genai-prices+litellm
together  meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo   0.88      -  0.88     -    -  2026-11  genai-prices+litellm
together  meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo    0.18      -  0.18     -    -  2026-11  genai-prices+litellm
together  moonshotai/Kimi-K3                                3    0.3    15     -    -  2026-11  genai-prices+litellm
together  moonshotai/Kimi-K3.1-Pro                          2    0.2    10     -    -  2026-11  genai-prices+litellm
together  openai/gpt-oss-120b                            0.15      -   0.6     -    -  2026-11  genai-prices+litellm
together  zai-org/GLM-5.2                                 1.4   0.26   4.4     -    -  2026-11  genai-prices+litellm
together  zai-org/GLM-5.3                                 1.4   0.26   4.4     -    -  2026-11  genai-prices+litellm
together  zai-org/GLM-5.3-Flash                          0.15   0.03   0.5     -    -  2026-11  genai-prices+litellm
"""


def _read(table: str) -> dict[tuple[str, str], Price]:
    """Provider and model → price."""
    found: dict[tuple[str, str], Price] = {}
    for line in table.strip().splitlines():
        provider, model, *figures, date, source = line.split()
        read, cached, made, written, hour = (None if part == "-" else float(part) for part in figures)
        of = PROVIDERS[provider]
        told = f"{of.source}, second hand by {source.replace('+', ' and ')}"
        assert read is not None and made is not None
        found[provider, model] = Price(read, made, cached, of.batch, date, told, written, hour)
    return found


PRICES = _read(_TABLE)
_OWN_HOST = {"openai": "api.openai.com", "anthropic": "api.anthropic.com"}


def price_of(teacher: Teacher, own: Price | tuple[float, float] | None = None) -> Price | None:
    """The price of a teacher: the user's own, nothing for a free one, the table's, or None when unknown."""
    if own is not None:
        return own if isinstance(own, Price) else Price(float(own[0]), float(own[1]))
    return FREE if teacher.capabilities.free else listed_price(teacher.name)


def listed_price(name: str) -> Price | None:
    """The table's price of a teacher of this name; None where it has none.

    Example:
        >>> from reasonbook.teachers.pricing.price_table import listed_price
        >>> listed_price("openai:gpt-4o-mini-2024-07-18").output
        0.6
        >>> listed_price("openai:my-deployment") is None
        True
    """
    kind, _, rest = name.partition(":")
    model, at, place = rest.rpartition("@") if "@" in rest else (rest, "", "")
    host = re.split("[:/]", place)[0] if at else _OWN_HOST.get(kind, "")
    model = model.removeprefix("models/")
    for provider, of in PROVIDERS.items():
        if host == of.host or host.endswith(f".{of.host}"):
            return PRICES.get((provider, model)) or PRICES.get((provider, _DATED.sub("", model)))
    return None
