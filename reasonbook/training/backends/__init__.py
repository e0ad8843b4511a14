"""Backends: who loads a student and trains it."""
