"""Schema: the fields of a reasoning, each a name and an instruction in plain words."""

from .field import Field
from .schema import Schema, Trial

__all__ = ["Field", "Schema", "Trial"]
