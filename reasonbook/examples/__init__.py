"""Examples: data with a known right answer, a teacher without a model, a student for a CPU."""

from .hand_written import code, extraction, moderation, support
from .refund_requests import refunds
from .refund_teacher import refund_checker, refund_rules, refund_schema
from .small_student import tiny_student
from .training_recipes import RECIPES, Recipe

__all__ = [
    "RECIPES",
    "Recipe",
    "code",
    "extraction",
    "moderation",
    "refund_checker",
    "refund_rules",
    "refund_schema",
    "refunds",
    "support",
    "tiny_student",
]
