"""Sharing: what all jobs on one store share: which rows are asked, the provider's limits, and a budget."""
