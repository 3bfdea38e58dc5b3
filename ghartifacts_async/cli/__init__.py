"""The command line, ``ghartifacts`` or ``python -m ghartifacts_async``; it needs the extra ``cli``.

```sh
ghartifacts demo                                       # try it with a fake GitHub
ghartifacts list octo-org/octo-docs --branch main
ghartifacts latest dist --branch main -D out           # download the newest one
ghartifacts cat coverage report.json                   # print one file of an archive
ghartifacts mirror octo-org/octo-docs archive
```

It finds the server, the repository and the token where the GitHub CLI finds them: in ``GH_TOKEN``
and similar variables, in the git remote of the working directory, and in ``gh auth token``.
Downloads are verified and resume. In a pipe, the output is easy to parse, and ``--json`` prints one
JSON object per line:

```sh
ghartifacts list --json | jq -r .name
```

The exit status is 0 on success, 1 if something failed, 2 for wrong usage, 3 if nothing was found,
and 4 if there is no token or it is refused. ``ghartifacts COMMAND --help`` describes each command.
"""
