"""Variations: new rows made from rows that are there, each proven by what a blind reader finds in it."""

from .variations import Variations

__all__ = ["Variations"]
