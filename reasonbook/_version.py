"""The version of the package: what a build writes on the wheel."""

__version__ = "0.1.0"
