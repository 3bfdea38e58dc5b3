"""Tests of the public modules: client, models, errors, authentication and arguments."""
