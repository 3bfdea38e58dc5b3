"""Competitors, one module each: ``python -m benchmarks.clients.NAME TASK ARGUMENTS``.

Each module performs a task as the competitor's documentation shows, and prints the seconds that the
call took as JSON. A task takes the same arguments in all modules.
"""
