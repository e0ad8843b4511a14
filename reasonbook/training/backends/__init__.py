"""Backends: who loads a student and trains it; add one here."""
