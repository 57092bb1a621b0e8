"""Grade submissions, and write what came of it."""
