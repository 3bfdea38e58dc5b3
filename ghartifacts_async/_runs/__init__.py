"""Workflow runs: listing them, finding artifacts by their runs, and waiting for them."""
