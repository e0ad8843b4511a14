"""Engine: asks a teacher for the rows of an augmentation, live or in batches."""
