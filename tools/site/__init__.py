"""The course as a site, in six languages: `make site`."""
