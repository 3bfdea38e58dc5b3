"""The mutation run: ``python -m benchmarks.mutation`` (extra `mutation`, not on Windows).

It changes one thing in one module, such as ``<`` to ``<=``, and runs the tests that execute the
changed line. A mutant is *killed* if a test fails, or if it takes too long twice. A mutant that
survives shows a gap in the tests, unless it is *equivalent*: no test can tell it from the original.

cosmic-ray makes the mutants. Its own runner is not used, because it runs one command for all
mutants, and so would run every test for each of them. mutmut 3 is not used, because it mutates
neither decorated functions (properties, validators, context managers) nor code outside of
functions (the fields of attrs classes, constants).

Modules:

- `_mutants`: finds the mutants of a module, draws a sample and applies a mutant.
- `_tests`: measures which test executes which line, chooses tests and runs them, with the pytest
  plugin `_plugin`.
- `_jobs`: works through tests and mutants, with one job in each copy of the project.
- `_kept`: the directory of the option ``--keep``. A run that was interrupted, or that draws a
  larger sample, continues from the results in it.
- `_report`: the verdicts on survivors in ``verdicts.toml``, and the report ``MUTATION.md``.
"""
