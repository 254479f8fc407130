"""What a git host needs to be the gate: the check as its pipeline, owners, rules to set.

Hosts run no hooks of ours. There the gate is a required check, `gms validate --range`,
on the merge of a proposal, and rules that keep the branch and the tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitmodelstore.errors import InvalidInput

_ACTIONS = """\
# Written by `gms init --host {host}`: the gate of this model store.
name: model store
on:
  pull_request:
  push:
    branches: [{branch}]
jobs:
  validate:
    # Make this a required check: it judges what is proposed, on the merge of both.
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install gitmodelstore
      - run: gms validate --range "$BASE..HEAD"
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}}
  tags:
    # Sets the tags of versions that came by a pull request, and validates the whole store.
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    concurrency: model-store-tags
    permissions:
      contents: write
    env:
      GIT_AUTHOR_NAME: model store
      GIT_AUTHOR_EMAIL: model-store@localhost
      GIT_COMMITTER_NAME: model store
      GIT_COMMITTER_EMAIL: model-store@localhost
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install gitmodelstore
      - run: gms doctor --fix
      - run: gms validate
      - run: git push origin --tags
"""

_GITLAB = """\
# Written by `gms init --host gitlab`: the gate of this model store.
validate:
  image: python:3.12
  variables:
    GIT_DEPTH: "0"
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  script:
    - pip install gitmodelstore
    - |
      if [ -n "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME" ]; then
        git fetch origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
        gms validate --range FETCH_HEAD..HEAD
      else
        git switch --force-create "$CI_COMMIT_BRANCH"
        gms doctor || echo "set what is missing here, and push it: gms doctor --fix"
      fi
"""

_OWNERS = """\
# Who must approve what decides over production.
/registry.json {owner}
/modelstore.toml {owner}
/{pipeline} {owner}
"""

_GITHUB_RULES = (
    "a branch rule for '{branch}': require a pull request, an approval of code owners, and the "
    "check 'validate'; block force pushes and deletions",
    "a tag rule for '*@v*': restrict updates and deletions",
    "require branches to be up to date before merging, so that the check saw what is merged",
    "allow merge commits or rebases; a squash is fine for one version at a time",
)
_GITLAB_RULES = (
    "protect the branch '{branch}': nobody pushes, maintainers merge, approval of code owners",
    "protect the tags '*@v*': maintainers create, nobody deletes",
    "merge requests: pipelines must succeed, merged results pipelines or a fast-forward history",
)
_GITEA_RULES = (
    "protect the branch '{branch}': disable push, require the check 'validate' and an approval",
    "protect the tags '*@v*'",
)
_SSH_RULES = (
    "on the server: git init --bare -b {branch} /srv/models.git",
    "on the server: gms -C /srv/models.git hook install, for the gate",
    "git -C /srv/models.git config modelstore.overrides false, if nobody may force a gate",
    "here: git remote add origin SERVER:/srv/models.git",
    "here: git push -u origin {branch}",
)


@dataclass(frozen=True, slots=True)
class Host:
    """What one kind of git host needs.

    Attributes:
        files: path in the store to content.
        rules: what is to be set on the host, a sentence each.
    """

    files: Mapping[str, bytes]
    rules: tuple[str, ...]


def host(name: str, branch: str, owner: str) -> Host:
    """Return what a git host needs.

    Args:
        name: "github", "gitlab", "gitea" or "ssh".
        branch: the store's, without refs/heads/.
        owner: who approves, as the host knows them: `@team` or an e-mail address.

    Raises:
        InvalidInput: there is no such kind.
    """
    known = {
        "github": (_actions("github", ".github/workflows/modelstore.yml", branch), _GITHUB_RULES),
        "gitea": (_actions("gitea", ".gitea/workflows/modelstore.yml", branch), _GITEA_RULES),
        "gitlab": ({".gitlab-ci.yml": _GITLAB}, _GITLAB_RULES),
        "ssh": ({}, _SSH_RULES),
    }
    if name not in known:
        hint = f"one of {', '.join(known)}"
        raise InvalidInput(f"'{name}' is no kind of git host", hint=hint)
    files, rules = known[name]
    if files:
        pipeline = next(iter(files))
        files = {**files, "CODEOWNERS": _OWNERS.format(owner=owner, pipeline=pipeline)}
    return Host(
        {path: text.encode() for path, text in files.items()},
        tuple(rule.format(branch=branch) for rule in rules),
    )


def _actions(name: str, path: str, branch: str) -> dict[str, str]:
    return {path: _ACTIONS.format(host=name, branch=branch)}
