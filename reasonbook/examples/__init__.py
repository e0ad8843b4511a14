"""Data with a known right answer, a teacher without a model, a student that learns on two CPU cores."""

from .hand_written import code, extraction, moderation, support
from .recipes import RECIPES, Recipe
from .refund_rules import refund_rules, refund_schema
from .refunds import refunds
from .tiny_student import tiny_student

__all__ = [
    "RECIPES",
    "Recipe",
    "code",
    "extraction",
    "moderation",
    "refund_rules",
    "refund_schema",
    "refunds",
    "support",
    "tiny_student",
]
