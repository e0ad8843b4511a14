"""Review: a person's decisions on the rows of a frame."""

from .review import Review

__all__ = ["Review"]
