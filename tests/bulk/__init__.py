"""Many artifacts at once: downloads, mirrors, deletions and prunings."""
