"""Closed loop: a perfect student is played from prompt to prompt before anything is trained."""
