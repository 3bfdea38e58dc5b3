"""Messages of the library in the words of the command line: options in place of arguments."""

from __future__ import annotations

import re

_SAME_NAMES = [
    "any_conclusion", "backslashes", "branch", "conclusion", "concurrency", "connections", "event",
    "from_fork", "if_exists", "keep_latest", "max_age", "max_member_size", "max_members",
    "max_ratio", "max_size", "max_total_size", "max_wait", "min_size", "name", "older_than",
    "on_collision", "pattern", "status", "symlinks", "template", "workflow",
]  # fmt: skip
"""Arguments of the library whose options have the same name."""

OPTIONS = {name: f"--{name.replace('_', '-')}" for name in _SAME_NAMES} | {
    "actor": "--user",
    "base_url": "GITHUB_API_URL",
    "created_after": "--since",
    "created_before": "--until",
    "head_sha": "--commit",
    "merge": "--flat",
    "run_id": "--run",
}
"""The option, or environment variable, for each argument that a message may name."""

_TOKENS = "set GH_TOKEN or GH_ENTERPRISE_TOKEN"

_PHRASES = {
    ". For calls without a token, pass auth=Anonymous()": ", or 'gh auth login'",
    "pass a token as auth": _TOKENS,
    "pass one as auth": _TOKENS,
    "change base_url": "change GITHUB_API_URL or GH_HOST",
    "pass a later one as api_version": "update ghartifacts_async",
    "by RateLimitPolicy.delete_interval": "because GitHub limits them",
    "keep to RateLimitPolicy.points_per_minute": "keep to GitHub's limit",
    "if you read it from a file, strip() it": "GH_TOKEN=$(cat FILE) removes line breaks at the end",
    "use download_artifact": "use 'ghartifacts download'",
    ", or pass ssl= to Client": "",
    "; on other systems, portable=False allows it": "",
    "; pass None for all names": "",
    ", or None": "",
    " or None": "",
    "a non-empty str": "a non-empty text",
    "must be an int ": "must be a number ",
}
"""Replacements for phrases that make sense only in Python code."""

_ONE_BYTE = re.compile(r"(?<![\w.,'\"-])1 bytes\b")
_PHRASE = re.compile("|".join(map(re.escape, _PHRASES)))
_NAMES = "|".join(sorted(OPTIONS, key=len, reverse=True))
_ARGUMENT = re.compile(
    rf"""
    (?P<quoted> (?<![\w=]) (?: '[^']*' | "[^"]*" ) )
    | (?P<verb> pass\ )? (?<![\w{{-])
      (?P<owner> limits=ArchiveLimits\( | ArchiveLimits\. | RateLimitPolicy\. )?
      (?P<name> {_NAMES} ) (?!\w)
      (?: = (?: …\) | (?P<value> True | False | '\w+' | "\w+" ) )
        | (?P<is_subject> (?= \ (?: must | is\ empty | '[^']*'\ never ) ) )
      )?
    """,
    re.VERBOSE,
)


def explained(message: Exception | str) -> str:
    """Return an error or a message, with options in place of the library's arguments."""
    text = _PHRASE.sub(lambda found: _PHRASES[found[0]], str(message))
    text = _ONE_BYTE.sub("1 byte", text)
    return _ARGUMENT.sub(_with_option, text)


def _with_option(found: re.Match[str]) -> str:
    if found["quoted"] or not _is_argument(found):
        return found[0]
    option, value, verb = OPTIONS[found["name"]], found["value"], found["verb"] or ""
    if value == "False":
        return f"omit {option}"
    return f"{verb}{option}" if value in {None, "True"} else f"{verb}{option} {value[1:-1]}"


def _is_argument(found: re.Match[str]) -> bool:
    """Return True if the name is not an ordinary word of the sentence."""
    if found["owner"] or found["value"] or "_" in found["name"]:
        return True
    begins = re.search(r"(?:^|[:;] )\Z", found.string[: found.start()]) is not None
    return begins and found["is_subject"] is not None
