"""Evaluation: students judged on held-out rows."""
