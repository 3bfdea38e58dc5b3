"""The file system: threads, locks, staging and file names. Only this package writes files."""
