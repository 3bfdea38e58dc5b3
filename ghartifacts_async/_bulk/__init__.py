"""Many artifacts at once: downloads, deletions, pruning and mirrors."""
