"""Workflow runs: listing them, finding the artifact that is meant, and waiting for one."""
