"""Reports of the long waits that rate limits and retries cause."""
