"""File system access: threads, locks, staging directories and file names.

Only the modules of this package write files.
"""
