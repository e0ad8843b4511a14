"""Schema: the fields of a reasoning, each a name and an instruction in plain words."""

from .example import Example
from .field import Field
from .schema import Schema, Trial

__all__ = ["Example", "Field", "Schema", "Trial"]
