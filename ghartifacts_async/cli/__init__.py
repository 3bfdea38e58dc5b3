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

## Servers, tokens and proxies

The shell can read a token from a file, so that it is in no command line. An Enterprise Server has
variables of its own, and gets no other token:

```sh
export GH_TOKEN=$(cat ~/.config/github-token)
export GH_HOST=github.example.com GH_ENTERPRISE_TOKEN=$(cat ~/.config/enterprise-token)
export HTTPS_PROXY=http://proxy.example.com:3128 SSL_CERT_FILE=/etc/ssl/company.pem
```

## Scripts and cron

Results are printed to standard output; errors, notes and progress to standard error. Only with
``--json``, the error of a single artifact is an object on standard output.

```sh
if ghartifacts grep --quiet FAILED logs --run "$ID"; then echo "tests failed"; fi
ghartifacts latest dist --branch main --format '{id}' || test $? -eq 3  # 3: there is none yet
ghartifacts prune --older-than 30d --keep-latest 3                      # a dry run
ghartifacts prune --older-than 30d --keep-latest 3 --yes
```

cron sets neither a token nor the search path of a login shell, so a crontab names both. This one
mirrors a repository each night to the home directory, and prints only errors, which cron mails:

```text
PATH=/home/octocat/.venv/bin:/usr/bin:/bin
15 3 * * * GH_TOKEN=$(cat .github-token) ghartifacts mirror octo-org/octo-docs archive -q >/dev/null
```

After a kill, the next run resumes. If a run has not ended when the next one starts, the next one
exits with 1 and leaves the mirror to it.
"""
