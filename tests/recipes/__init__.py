"""Complete programs that use the library, run as tests by `test_recipes`."""
