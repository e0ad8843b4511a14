"""Command line: what `reasonbook` does without a notebook."""

from .commands import main

__all__ = ["main"]
