"""The command line: ``python -m ghartifacts_async`` (extra ``cli``)."""
