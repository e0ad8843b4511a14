"""See, fix and prove what a model will learn from reasoning, next to your DataFrame."""

__version__ = "0.1.0"
