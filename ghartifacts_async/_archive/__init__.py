"""Inside an artifact's zip: central directory, members, inflating and extraction."""
