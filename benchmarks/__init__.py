"""Benchmarks of the library and of its alternatives: ``python -m benchmarks``.

Modules:

- `scenarios`: one module for each scenario that is measured.
- `clients`: one module for each competitor in Python, used as in its documentation. `_programs` has
  the commands of the other programs, such as curl.
- `_scenario`: the context and the result of a scenario. `_machine`: versions and hardware.
- `_comparison`: runs competitors alternately in child processes. `_stopwatch` measures one process.
- `_servers`: starts FakeGitHub with nginx (`_github_server`), or a server with latency
  (`_latency_server`).
- `_targets`: the performance targets. `_report` and `_chart`: the results as text and as a chart.
- `campaigns`: randomised tests that search for broken promises.
"""
