"""Campaigns: randomised tests that try to break the promises in the README.

A failure can be reproduced from the seed of its campaign.
"""
