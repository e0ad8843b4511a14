"""Planning: what will be trained, on which machine, with which settings."""
