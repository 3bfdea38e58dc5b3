"""How the library stands beside what a user would pick instead: ``python -m benchmarks``."""
