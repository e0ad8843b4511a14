"""Data: conversations, the frame that holds them, and which of its rows train."""
