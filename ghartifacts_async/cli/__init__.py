"""The command line, ``ghartifacts`` or ``python -m ghartifacts_async``; it needs the extra ``cli``.

```sh
ghartifacts demo                                       # try it with a fake GitHub
ghartifacts list octo-org/octo-docs --branch main
ghartifacts latest dist --branch main -D out           # download the newest one
ghartifacts cat coverage report.json                   # print one file of an archive
ghartifacts mirror octo-org/octo-docs archive
```

It takes the server, the repository and the token from where the GitHub CLI takes them: from
``GH_TOKEN`` and its other variables, from the git remote of the working directory, and from
``gh auth token``. Downloads are verified and resume. Output to a pipe is made for programs, and
``--json`` prints one JSON object per line:

```sh
ghartifacts list --json | jq -r .name
```

In a script, the exit status says what happened: 0 success, 1 something failed, 2 wrong usage,
3 nothing was found, 4 no token, or one that is refused. ``ghartifacts COMMAND --help`` describes
each command.
"""
