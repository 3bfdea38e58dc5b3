"""Benchmarks of the library and of its alternatives: ``python -m benchmarks``.

Modules:

- `scenarios`: one module for each scenario that is measured.
- `clients`: one module for each Python library that is compared, used as its documentation shows.
  `_programs` has the commands of other programs, such as curl.
- `_scenario`: what a scenario receives (`Context`) and returns (`Result`).
- `_machine`: the versions and the hardware, for the report.
- `_comparison`: runs competitors alternately in child processes. `_stopwatch` measures one process.
- `_servers`: starts FakeGitHub with nginx (`_github_server`), or a server with latency
  (`_latency_server`).
- `_targets`: the performance targets. `_report` and `_chart`: the results as text and as a chart.
- `mutation`: changes the package in one place at a time, to find gaps in the tests.
- `campaigns`: randomised tests that try to break the promises in the README.
"""
