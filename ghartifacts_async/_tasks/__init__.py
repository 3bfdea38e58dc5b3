"""Asyncio tasks: worker pools, lifetimes and waiting that survives cancellation."""
