"""Decisions only: functions from values to values.

No module here awaits, reads a clock, opens a file or knows aiohttp; a test keeps it so.
"""
