"""Programs that type checkers check; they are never run."""
