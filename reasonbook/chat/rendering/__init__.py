"""Rendering: a row becomes token ids and labels."""
