"""What a chat template reads, by its syntax tree."""
