"""Competitors, one module each: ``python -m benchmarks.clients.NAME TASK ARGUMENTS``.

Each performs a task as its own documentation shows and prints the seconds of the call as JSON. All
competitors take the same arguments for a task.
"""
