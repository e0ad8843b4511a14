"""Damage: how it is told from what was written, and what a damaged store still holds."""
