"""Ways in which reasoning goes into a chat template, and the arguments that ask for it."""
