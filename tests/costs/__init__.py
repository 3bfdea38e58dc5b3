"""Tests of what operations cost, in counts and in ratios."""
