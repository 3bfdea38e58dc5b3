"""Campaigns: random by seed, they look for a promise that is broken."""
