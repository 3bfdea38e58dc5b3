"""The scenarios and the control endpoint of `python -m ghartifacts_async.testing`."""
