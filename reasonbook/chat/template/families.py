"""Families: thinking formats that no carrier brings through the chat template: data, each with its source.

The probe comes first. These entries serve only students whose template deletes or ignores the reasoning of
the turn that is to be learnt, although the student thinks in this form. An entry is found by what the
template itself says, its markers and the end of its generation prompt, never by the student's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What a student writes around its thinking.

    Attributes:
        name: what people call the format.
        prompt_ends: the generation prompt ends with this; "" for any end.
        markers: all of these stand in the template.
        opening: what the student writes before its thinking.
        middle: what it writes between thinking and answer.
        source: where that is seen.
        ending: what it writes between its answer and the stop token.
    """

    name: str
    opening: str
    middle: str
    source: str
    prompt_ends: str = ""
    ending: str = ""
    markers: tuple[str, ...] = ()


FAMILIES: tuple[Family, ...] = (
    Family(
        "Gemma 4, early revisions",
        markers=("<|channel>", "<channel|>"),
        opening="<|channel>thought\n",
        middle="\n<channel|>",
        source="Gemma 4's later template writes this block; trl 1.16 ships both as gemma4 and gemma4_v5",
    ),
    Family(
        "Kimi",
        markers=("◁think▷", "◁/think▷"),
        opening="◁think▷",
        middle="◁/think▷",
        source="Kimi-VL-Thinking and Kimi-Dev chat templates on the Hub",
    ),
    Family(
        "Mistral reasoning",
        markers=("[THINK]", "[/THINK]"),
        opening="[THINK]",
        middle="[/THINK]",
        source="Magistral and Ministral-3 reasoning templates on the Hub",
    ),
    Family(
        "Granite 3.3",
        markers=("<think></think>", "<response></response>"),
        opening="<think>",
        middle="</think>\n<response>",
        ending="</response>",
        source="the system prompt of Granite 3.3's chat template asks for these tags",
    ),
    Family(
        "Apriel 1.5",
        markers=("[BEGIN FINAL RESPONSE]", "[END FINAL RESPONSE]"),
        opening="Here are my reasoning steps:\n",
        middle="\n[BEGIN FINAL RESPONSE]\n",
        ending="\n[END FINAL RESPONSE]",
        source="the system prompt of Apriel-1.5-15b-Thinker's chat template asks for these marks",
    ),
    Family(
        "DeepSeek-R1",
        prompt_ends="<think>\n",
        opening="",
        middle="\n</think>\n\n",
        source="DeepSeek-R1 and R1-Distill; trl 1.16 keeps this form in deepseek_r1_distill_training",
    ),
    Family(
        "DeepSeek-V3.1",
        prompt_ends="<think>",
        opening="",
        middle="</think>",
        source="DeepSeek-V3.1's template closes the empty block of plain turns in the same way",
    ),
)

# Marks by which thinking is seen in a template: what a mark looks like, and who writes it.
MARKS: tuple[tuple[str, str], ...] = (
    (
        r"</?(?:\w+:)?think(?:ing)?(?::\w+)?>",
        "DeepSeek, Qwen, GLM; with a prefix Seed-OSS and MiniMax-M3; with a suffix Hy3",
    ),
    (r"<\|/?think\|>", "Solar Open"),
    (r"\[/?THINK\]", "Magistral, Ministral"),
    (r"◁/?think▷", "Kimi-VL, Kimi-Dev"),
    (r"<\|(?:START|END)_THINKING\|>", "Cohere Command A and R7B"),
    (r"<\|inner_(?:prefix|suffix)\|>", "Apertus"),
    (r"<\|channel\|?>(?:analysis|thought)", "gpt-oss, Gemma 4"),
    (r"\[(?:BEGIN|END) FINAL RESPONSE\]|Here are my reasoning steps", "Apriel"),
)
MARK = re.compile("|".join(pattern for pattern, _ in MARKS))
CLOSING = re.compile("/|END|suffix|BEGIN")  # stands in a mark that closes thinking

# Thinking for students that have no form of their own; tags are plain text to them.
TAGS = ("<think>", "</think>")


def family_of(template: str, generation_tail: str) -> Family | None:
    """The first family whose marks this template shows."""
    for family in FAMILIES:
        if all(marker in template for marker in family.markers) and generation_tail.endswith(
            family.prompt_ends
        ):
            return family
    return None
