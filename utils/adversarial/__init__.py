"""What lesson 2 shares: warps, spectra, and proofs of what saved pictures do."""
