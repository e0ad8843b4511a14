"""What a chat template writes around a turn: calls of tools, and what ends it."""
