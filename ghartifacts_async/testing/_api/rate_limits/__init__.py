"""GitHub's primary and secondary rate limits, seen from the server."""
