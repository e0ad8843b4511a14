"""Prompts: from a row to the request that a teacher gets."""

from .fence import record, request_text
from .requests import Prompts, reask

__all__ = ["Prompts", "reask", "record", "request_text"]
