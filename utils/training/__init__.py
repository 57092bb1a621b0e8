"""Long runs: a classifier of a folder, fine-tuning on several processes."""
