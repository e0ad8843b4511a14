"""Failures: what a call that gave no answer means for its row, for its provider and for the job."""
