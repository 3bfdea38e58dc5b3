"""One artifact to a file or a stream: signed URL, ranges, part file, journal and verification."""
