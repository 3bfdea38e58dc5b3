"""Tests of bulk operations: downloads, deletions, pruning and mirrors."""
