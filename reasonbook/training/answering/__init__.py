"""Answering: what a student writes for a request, and how it is graded."""
