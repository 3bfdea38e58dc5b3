"""Workflow runs: listing them, finding their artifacts and waiting for them."""
