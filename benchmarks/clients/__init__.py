"""Competitors, a file each: ``python -m benchmarks.clients.NAME TASK ARGUMENTS``.

Each does a task as its own documentation says that it is done, and tells how long the call itself
took. Arguments are the same for all that do a task.
"""
