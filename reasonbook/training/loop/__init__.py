"""Loop: one fit of a student on token arrays."""
