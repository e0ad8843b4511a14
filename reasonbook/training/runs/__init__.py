"""Runs: what a training has made, and where it is kept."""
