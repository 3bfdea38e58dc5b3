"""GitHub's REST API: endpoints, pagination, filters, retries and rate limits."""
