"""Mixture: several frames trained as one, each with its share of what is learnt (`rb.mix`)."""

from ..data.sources.mixture import Mixture, Source
from .mixing import Mix, mix

__all__ = ["Mix", "Mixture", "Source", "mix"]
