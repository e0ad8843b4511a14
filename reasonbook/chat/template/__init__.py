"""Template: what a student's chat template and tokenizer do, found by trying them."""
