"""The contents of artifacts: their members, excerpts of them, and lines that match."""
