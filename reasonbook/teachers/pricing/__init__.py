"""Pricing: what a call takes and costs: prices, tokens of a text, hidden thinking."""
