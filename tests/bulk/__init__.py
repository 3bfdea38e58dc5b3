"""Tests of work on many artifacts: downloads, mirrors, deletions and pruning."""
