"""Run a submission where it can harm nobody; only arrays come out."""
