"""Saving: a trained student in the forms that other programs read."""
