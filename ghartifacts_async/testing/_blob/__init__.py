"""The part of the fake that answers as the blob store."""
