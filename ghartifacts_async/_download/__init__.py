"""Download one artifact to a file or as a stream, resume it if it breaks, and verify it."""
