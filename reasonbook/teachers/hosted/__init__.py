"""Hosted: what it takes to ask a model behind a provider's HTTP API."""
