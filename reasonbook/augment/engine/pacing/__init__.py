"""How many calls may be in flight, and how fast they may leave."""

from .pacer import Pacer

__all__ = ["Pacer"]
