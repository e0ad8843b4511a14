"""Estimation: tokens, money and minutes before anything is sent."""
