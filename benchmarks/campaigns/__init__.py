"""Campaigns: randomised tests, reproducible by seed, that search for broken promises."""
