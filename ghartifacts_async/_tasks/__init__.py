"""Helpers for asyncio tasks: worker pools, interrupting tasks on close, and waiting for jobs."""
