"""How the library stands beside what a user would pick instead: ``python -m benchmarks``.

General layout:

- `scenarios`: what is measured, a file each, and which figures the bars are held against.
- `clients`: the competitors in Python, a file each, as their own documentation has them; programs
  are in `_programs`.
- `_scenario`: what a scenario works with and returns; `_machine`: what it ran on.
- `_race`: competitors in child processes, alternating; `_stopwatch` times one of them.
- `_servers`: FakeGitHub and nginx (`_github`), and a GitHub that is far away (`_distant`).
- `_bars`, `_report`, `_chart`: what the figures mean, in words and in a picture.
- `campaigns`: what looks for a broken promise at random.
"""
