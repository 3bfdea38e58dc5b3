"""Tests of the cost of operations, as counts and as ratios."""
