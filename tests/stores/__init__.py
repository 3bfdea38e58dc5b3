"""Tests against real blob stores: nginx, Azurite and s3rver."""
