"""The zip format: end records, central directory, local headers, names and compression methods."""
