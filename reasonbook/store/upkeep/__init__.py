"""Upkeep: room for what a job will write, what a store takes, what can go, whether it is sound."""
