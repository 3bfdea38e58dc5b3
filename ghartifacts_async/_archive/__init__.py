"""Read and extract the members of an artifact's zip archive."""
