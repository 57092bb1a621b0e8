"""What lesson 2 shares: warps, spectra, and reports of what saved pictures do."""
