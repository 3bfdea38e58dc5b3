"""The part of the fake that answers as GitHub's REST API."""
