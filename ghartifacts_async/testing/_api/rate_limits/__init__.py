"""The server's side of GitHub's primary and secondary rate limits."""
