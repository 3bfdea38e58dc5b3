"""The command line, ``python -m ghartifacts_async``. It requires the extra ``cli``."""
