"""Programs that type checkers check and that are never run."""
