"""Thinking: how much room a model gets to think before its answer, in the bound of what it may write."""

from __future__ import annotations

# The names of models that write nothing but their answer begin so. All others may think, asked or not.
NEVER = ("gpt-3.5", "gpt-4", "chatgpt-4o")
ROOM = 16_384
MOST_ROOM = 32_768


def room_to_think(model: str, effort: str | None, wanted: bool) -> int:
    """Tokens for thinking; a bound without them would cut a model off before it has said anything.

    Args:
        model: its name at the provider, perhaps with its maker before a slash.
        effort: how hard it shall think, in the provider's word.
        wanted: whether its thinking is asked for.
    """
    if effort in ("high", "xhigh", "max"):
        return MOST_ROOM
    plain = model.rpartition("/")[2].startswith(NEVER)
    return 0 if plain and not wanted and effort is None else ROOM
