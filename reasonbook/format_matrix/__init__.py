"""Format matrix: which students can be trained in which way, as the closed loop finds it (`rb.formats`)."""

from .format_result import FormatResult
from .matrix import FormatMatrix
from .try_out import formats

__all__ = ["FormatMatrix", "FormatResult", "formats"]
