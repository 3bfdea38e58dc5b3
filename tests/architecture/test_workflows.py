"""The workflows of GitHub Actions: what they may do, and that their commands exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SYSTEM = {"bash", "eval", "gh", "python"}
"""Programs that the runners have."""

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="needs the directory .github")


def loaded(path: Path) -> dict[str, Any]:
    """Return a workflow. YAML reads its key ``on`` as True."""
    workflow: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return workflow


def jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs of all workflows."""
    return {
        f"{path.stem}: {name}": job
        for path in WORKFLOWS
        for name, job in loaded(path)["jobs"].items()
    }


def installed(extra: str) -> set[str]:
    """Return the distributions that an extra installs, also through other extras."""
    found = set()
    for requirement in EXTRAS[extra]:
        found.add(re.split(r"[^\w.-]", requirement)[0])
        if own := re.match(r"ghartifacts_async\[(.+)\]", requirement):
            for other in own[1].split(","):
                found |= installed(other)
    return found


def test_there_is_a_job_for_each_kind_of_check() -> None:
    """The checks run in parallel, and the tests on each supported Python and system."""
    ci = loaded(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    kinds = {
        "lint", "types", "tests", "stores", "shells", "clients", "benchmarks", "docs", "package",
    }  # fmt: skip
    assert kinds <= set(ci)
    assert all("needs" not in ci[kind] for kind in kinds)
    matrix = ci["tests"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_actions_are_pinned() -> None:
    """Each action is pinned to one commit, with its version in a comment."""
    pins = defaultdict(set)
    for path in WORKFLOWS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line and "uses: ./" not in line:
                pin = re.fullmatch(
                    r"\s+(?:- )?uses: ([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line
                )
                assert pin, f"{path.name}: {line}"
                pins[pin[1]].add(pin.groups()[1:])
    assert len(pins) >= 5
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_workflows_may_do_little() -> None:
    """A workflow may read the repository; a job that may do more is named here."""
    for path in WORKFLOWS:
        workflow = loaded(path)
        assert workflow["permissions"] == {"contents": "read"}, path.name
        assert workflow["concurrency"]["group"], path.name
    granted = {name: job["permissions"] for name, job in jobs().items() if "permissions" in job}
    assert granted == {
        "pages: deploy": {"pages": "write", "id-token": "write"},
        "release: publish": {"id-token": "write"},
        "release: release": {"contents": "write"},
    }


def test_jobs_end() -> None:
    """Each job has a name and a time limit, and leaves no token in its checkout."""
    for name, job in jobs().items():
        assert job["name"], name
        assert "uses" in job or job["timeout-minutes"] <= 45, name
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


@pytest.mark.parametrize(("name", "job"), jobs().items())
def test_commands_exist(name: str, job: dict[str, Any]) -> None:
    """Each command of a job is a file of the project, or is installed by the job."""
    programs = set(SYSTEM)
    for step in job.get("steps", []):
        for line in step.get("run", "").splitlines():
            for extras in re.findall(r"\[([\w,]+)\]", line):
                for extra in extras.split(","):
                    programs |= installed(extra)
            command = re.sub(r"^\w+=\$\((.*)\)$", r"\1", line.strip())
            program, *arguments = shlex.split(command)
            assert program in programs, f"{name}: {line}"
            if arguments[:1] == ["-m"]:
                module = arguments[1]
                package = ROOT / module.replace(".", "/")
                known = {"pip", "coverage"} | programs
                assert module in known or package.is_dir(), line
            for path in re.findall(r"(?<![\w./$])((?:\.ci|tests)/[\w./]+)", command):
                assert (ROOT / path).exists(), f"{name}: {path}"


def test_the_measurements_of_all_jobs_are_combined(tmp_path: Path) -> None:
    """The job `coverage` finds the files that the jobs `measure` write, and reports about them."""
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    ci = loaded(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    (name,) = {
        step["env"]["COVERAGE_FILE"]
        for step in ci["measure"]["steps"]
        if "COVERAGE_FILE" in step.get("env", {})
    }
    (combine,) = {
        step["run"] for step in ci["coverage"]["steps"] if "coverage combine" in step.get("run", "")
    }
    settings = {key: text for key, text in os.environ.items() if not key.startswith("COVERAGE_")}
    settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{settings['PATH']}"

    def run(command: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**settings, **more},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for part in ci["measure"]["strategy"]["matrix"]["include"]:
        file = name.replace("${{ github.workspace }}", str(tmp_path))
        file = file.replace("${{ matrix.part }}", part["part"])
        assert "$" not in file
        (tmp_path / f"{part['part']}.py").write_text("print()\n")
        run(f"python -m coverage run --parallel-mode {part['part']}.py", COVERAGE_FILE=file)
    run(combine)
    reported = run("python -m coverage report")
    assert [line.split()[0] for line in reported.splitlines()[2:4]] == ["inside.py", "outside.py"]


def test_each_script_runs_in_a_job() -> None:
    """A job runs each script of the project, except `run`, which runs the others."""
    steps = [step for job in jobs().values() for step in job.get("steps", [])]
    commands = "\n".join(step.get("run", "") for step in steps)
    scripts = {path.name for path in (ROOT / ".ci").iterdir()}
    assert set(re.findall(r"(?<![\w./])\.ci/(\w+)", commands)) == scripts - {"run"}


def test_dependabot_updates_actions_and_dependencies() -> None:
    """Dependabot proposes new versions of the actions and of the dependencies."""
    updates = loaded(ROOT / ".github" / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip"}


def notes(tag: str) -> subprocess.CompletedProcess[str]:
    """Print the notes of a release, as the release workflow does."""
    command = [sys.executable, str(ROOT / ".ci" / "notes"), tag]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_the_notes_of_a_release_are_its_section_of_the_changelog() -> None:
    """The release of the project's version has the changelog's entries, and no other does."""
    version = PROJECT["version"]
    done = notes(f"v{version}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("### ")
    assert "\n## " not in done.stdout
    for tag in ("v99.0.0", version):
        refused = notes(tag)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"the tag is {tag}, but pyproject.toml has version {version}" in refused.stderr
