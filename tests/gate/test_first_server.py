"""A first server: what docs/hosts.md shows is typed, and what a refused push says leads out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from gitmodelstore import Store
from gitmodelstore.operations.init import unconfigured
from tests.store import children

from .conftest import pipeline
from .protected import Host

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
SERVER, BEGIN, CLONE, REPLACE, PULL, AGAIN, HOST, PROPOSE, TAG, MINE, REVIEW = (
    [line.removeprefix("$ ") for line in block.splitlines()]
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
# An ssh that reaches this machine, whatever host is named.
SSH = '#!/bin/sh\nwhile [ "$1" != server ]; do shift; done\nshift\nexec sh -c "$*"\n'


class Desk:
    """Where commands are typed, as in the page; the server is a folder beside."""

    def __init__(self, path: Path, *, url: str = "server:{}/srv/models.git") -> None:
        self.path = path
        self.url = url.format(path)
        tools = path / "bin"
        tools.mkdir()
        run = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m gitmodelstore.cli.main "$@"'
        (tools / "gms").write_text(f"#!/bin/sh\n{run}\n")
        (tools / "ssh").write_text(SSH)
        for tool in tools.iterdir():
            tool.chmod(0o755)
        (path / "srv").mkdir()

    def type(self, command: str, folder: str = ".", *, code: int = 0) -> str:
        """Type a command, and return what it says on both streams."""
        line = command.replace("server:/srv/models.git", self.url)
        line = line.replace("https://example.org/acme/models.git", self.url)
        line = re.sub(r"(?<=[ :])/srv/", f"{self.path}/srv/", line)
        surroundings = {
            "PATH": f"{self.path}/bin{os.pathsep}{os.environ['PATH']}",
            "GIT_SSH_COMMAND": "ssh",
            "GIT_EDITOR": "true",
        }
        if line.startswith("gms ") and "&&" not in line:  # in a fork, which imports nothing anew
            words = shlex.split(line)[1:]
            done = children.gms(
                *words, cwd=self.path / folder, environment=surroundings, on_screen=True
            )
        else:
            done = subprocess.run(  # noqa: S602 - as users do
                line,
                shell=True,
                cwd=self.path / folder,
                env={**os.environ, **surroundings},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert done.returncode == code, f"{line}: {done.stdout}"
        return done.stdout

    def all(self, commands: list[str], folder: str = ".") -> None:
        for command in commands:
            self.type(command, folder)

    def hint(self, command: str, folder: str = "store") -> str:
        """Type what is refused, and return the hint."""
        said = self.type(command, folder, code=1)
        (hint,) = dict.fromkeys(re.findall(r"^(?:remote: )?hint: (.*?) *$", said, re.MULTILINE))
        return hint

    def register(self, model: str = "churn", folder: str = "store", C: float = 2.0) -> None:
        Store.open(self.path / folder, durable=False).register(pipeline(C), model, code=None)

    def versions(self, folder: str) -> dict[str, list[str]]:
        store = Store.open(self.path / folder)
        return {
            one.model: [str(version.version) for version in store.versions(one.model)]
            for one in store.models()
        }

    def assert_alike(self) -> None:
        """The server has every commit and tag of the store, and is sound."""
        listed = [
            self.type("git for-each-ref refs/heads/main refs/tags", folder)
            for folder in ("store", "srv/models.git")
        ]
        assert listed[0] == listed[1]
        self.type("gms validate", "srv/models.git")
        self.type("gms doctor", "store")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store and the server of the tests lie once the first of them has made them."""
    return tmp_path_factory.mktemp("made")


def with_store(desk: Desk, made: Path) -> Desk:
    """Put a store there of two versions, one in production; git's default branch is another."""
    desk.type("git config --global init.defaultBranch master")
    if not (made / "plain").exists():
        store = Store.init(made / "plain", durable=False)
        for C in (1.0, 2.0):
            store.register(pipeline(C), "churn", code=None)
        store.promote("churn@1.1.0", "production")
    shutil.copytree(made / "plain", desk.path / "store")
    desk.type("git status", "store")
    return desk


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    """A desk with that store."""
    return with_store(Desk(tmp_path), made)


@pytest.fixture
def served(made: Path, tmp_path: Path) -> Desk:
    """The same, with its server, and a clone of somebody else."""
    desk, template = Desk(tmp_path), made / "served"
    if not template.exists():
        template.mkdir()
        first = with_store(Desk(template), made)
        first.all(SERVER)
        first.all(BEGIN, "store")
        first.type(f"{CLONE[0]} clone")
        first.type("git config user.email grace@example.org", "clone")
    for name in ("store", "clone", "srv/models.git"):
        shutil.copytree(template / name, desk.path / name)
        if name != "srv/models.git":
            desk.type("git remote set-url origin server:/srv/models.git && git status", name)
    return desk


class TestThePage:
    def test_its_server_takes_a_store_and_then_every_plain_push(self, desk: Desk) -> None:
        desk.all(SERVER)
        desk.all(BEGIN, "store")
        desk.assert_alike()

        desk.register(C=3.0)
        desk.type("git push", "store")

        desk.assert_alike()
        desk.all(CLONE)
        assert desk.versions("models") == {"churn": ["1.2.0", "1.1.0", "1.0.0"]}
        desk.register("fraud", "models")
        desk.type("git push", "models")
        desk.type("git pull", "store")
        desk.assert_alike()
        assert desk.versions("store").keys() == {"churn", "fraud"}

    def test_the_server_says_what_it_waits_for(self, desk: Desk) -> None:
        desk.all(SERVER)

        for command in ("doctor", "validate"):
            said = desk.type(f"gms -C /srv/models.git {command}", code=1)
            assert "/models.git main, in the store that it is for" in said

    def test_a_server_begins_with_nothing_and_is_cloned(self, desk: Desk) -> None:
        desk.type("gms init --bare /srv/models.git")
        desk.all(CLONE)
        desk.register("fraud", "models")
        desk.type("git push", "models")
        assert desk.versions("srv/models.git") == {"fraud": ["1.0.0"]}

    def test_a_store_takes_the_place_of_one_that_was_only_begun(self, desk: Desk) -> None:
        desk.type("gms init --bare /srv/models.git")
        desk.all(REPLACE, "store")
        desk.assert_alike()

    @pytest.mark.parametrize("url", ["{}/srv/models.git", "file://{}/srv/models.git"])
    def test_an_empty_repository_on_a_host_without_hooks(
        self, made: Path, tmp_path: Path, url: str
    ) -> None:
        desk = with_store(Desk(tmp_path, url=url), made)
        desk.type("git init --bare /srv/models.git")  # its HEAD names master
        desk.all(HOST)

        desk.all(CLONE)

        assert desk.versions("models") == {"churn": ["1.1.0", "1.0.0"]}
        assert desk.type("git status -sb", "models").startswith("## main...origin/main\n")

    def test_both_took_the_same_number(self, served: Desk) -> None:
        served.register(folder="clone", C=3.0)
        served.type("git push", "clone")
        served.register(C=4.0)
        served.type("git push", "store", code=1)
        served.type("git pull origin main", "store", code=1)

        served.all(AGAIN, "store")

        served.assert_alike()
        assert served.versions("store") == {"churn": ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]}


class TestProposals:
    """What the page says of a host whose main branch nobody may push to."""

    @pytest.fixture
    def desk(self, made: Path, tmp_path: Path) -> Desk:
        """A store on such a host, with a pipeline to register."""
        desk = with_store(Desk(tmp_path, url="{}/host.git"), made)
        Host(tmp_path)
        desk.all(HOST)
        joblib.dump(pipeline(3.0), tmp_path / "store" / "pipeline.joblib")
        return desk

    @pytest.fixture
    def host(self, desk: Desk) -> Host:
        host = Host.__new__(Host)
        host.path, host._desk = desk.path / "host.git", desk.path / "button"
        return host

    def test_what_it_proposes_is_merged_and_tagged(self, desk: Desk, host: Host) -> None:
        branches = []
        for command, button in zip(PROPOSE, ("merge", "squash", "rebase"), strict=True):
            said = desk.type(command, "store")
            (branch,) = re.findall(r"^branch (\S+) on origin ", said, re.MULTILINE)
            branches.append(branch)
            host.press(button, branch)
            desk.type("git clone -q host.git ci")
            desk.all(TAG, "ci")
            shutil.rmtree(desk.path / "ci")
        assert branches == [
            "propose/register-churn-1.2.0",
            "propose/promote-churn-1.2.0-to-production",
            "back",
        ]

    def test_commits_that_were_made_already(self, desk: Desk, host: Host) -> None:
        desk.register(C=4.0)
        desk.type("gms push", "store", code=1)
        desk.all(MINE, "store")
        host.press("squash", "propose/mine")
        desk.type("gms pull", "store")
        desk.all(TAG, "store")
        listed = [desk.type("git for-each-ref refs/heads/main refs/tags", one) for one in
                  ("store", "host.git")]  # fmt: skip
        assert listed[0] == listed[1]

    def test_a_reviewer_of_a_server_merges_with_plain_git(self, served: Desk) -> None:
        joblib.dump(pipeline(3.0), served.path / "store" / "pipeline.joblib")
        served.type(PROPOSE[0], "store")

        served.all(REVIEW, "clone")

        served.type("gms pull", "store")
        served.assert_alike()
        assert served.versions("store") == {"churn": ["1.2.0", "1.1.0", "1.0.0"]}


def test_the_rules_of_init_for_ssh_are_those_of_the_page(tmp_path: Path) -> None:
    said = Desk(tmp_path).type("gms init store --host ssh")

    for command in [*SERVER, *BEGIN]:
        assert command.replace("server:", "SERVER:") in said


class TestSettings:
    def test_those_that_the_user_has_made_stay(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        desk.type("git config --global push.followTags false")
        desk.type("gms init store")
        assert desk.type("git config push.followTags", "store") == "false\n"
        assert desk.type("git config pull.rebase", "store") == "true\n"

    def test_the_doctor_sets_them_in_an_older_store(self, served: Desk) -> None:
        served.type("git config --unset push.followTags", "store")
        assert "has no push.followTags [GMS076]" in served.type("gms doctor", "store", code=1)
        served.type("gms doctor --fix", "store")
        served.register(C=3.0)
        served.type("git push", "store")
        served.assert_alike()

    def test_the_hooks_of_a_plain_clone_come_with_them(self, served: Desk) -> None:
        served.type("git clone -q server:/srv/models.git plain")
        served.type("gms hook install", "plain")
        assert unconfigured(Store.open(served.path / "plain")._repository) == []


class TestHints:
    """What a refused push says, typed word for word."""

    def typed(self, desk: Desk, hint: str, folder: str = "store") -> None:
        """Type the commands of a hint, one after the other, and push again where it says so."""
        commands = re.findall(r"((?:git|gms) [^,;]*?)(?=, |; |$| sets| and )", hint)
        assert commands, hint
        for command in commands:
            desk.type(command, folder)
        if hint.endswith("push again"):
            desk.type("git push", folder)

    @pytest.fixture
    def second(self, served: Desk) -> Desk:
        """Somebody else has pushed since."""
        served.register("fraud", "clone")
        served.type("git push", "clone")
        return served

    def test_somebody_was_first(self, second: Desk) -> None:
        second.register(C=3.0)

        hint = second.hint("git push")

        assert hint == (
            "git fetch origin, git rebase origin/main, gms doctor --fix, and push again"
        )
        self.typed(second, hint)
        second.assert_alike()

    def test_somebody_was_first_and_the_page_is_followed(self, second: Desk) -> None:
        second.register(C=3.0)
        second.type("git fetch", "store")  # from here on it is git that refuses
        second.type("git push", "store", code=1)
        second.type("git pull", "store")
        assert second.hint("git push") == (
            "gms doctor --fix sets it on the commit that the branch has; then push again"
        )

        second.all(PULL, "store")

        second.assert_alike()

    def test_the_branch_is_only_behind(self, second: Desk) -> None:
        assert "git pull" in second.type("git fetch && git push", "store", code=1)
        second.type("git pull", "store")
        second.type("git push", "store")
        second.assert_alike()

    def test_a_server_that_was_only_begun(self, desk: Desk) -> None:
        desk.type("gms init --bare /srv/models.git")
        desk.type(BEGIN[0], "store")

        assert desk.hint(BEGIN[1]) == "run git fetch origin, and push again"
        desk.type("git fetch origin", "store")
        again = desk.hint(BEGIN[1])

        assert again == (
            "the remote store is still empty, so this may replace it: "
            "git push --force --follow-tags origin main"
        )
        self.typed(desk, again)
        desk.assert_alike()

    def test_a_server_that_holds_another_store_is_not_replaced(self, served: Desk) -> None:
        served.type("gms init other")
        served.type("git remote add origin server:/srv/models.git", "other")
        served.register("fraud", "other")
        served.type("git fetch origin", "other")
        for push in ("git push --force origin main", "git push --no-verify --force origin main"):
            assert "GMS036" in served.type(push, "other", code=1)
        served.assert_alike()
        hint = served.hint("git push -u origin main", "other")
        set_url = "git remote set-url origin URL, with the URL of yours"
        assert hint == f"the remote is a different store: {set_url}"
        served.type("git init -q --bare -b main srv/own.git")
        served.type(f"git remote set-url origin {served.path}/srv/own.git", "other")
        served.type("git push -u origin main", "other")

    @pytest.mark.parametrize(
        ("before", "push", "expected"),
        [
            (
                "git status",
                "git push --no-follow-tags",
                "push it too: git push --follow-tags origin main",
            ),
            (
                "git tag -d churn@v1.2.0",
                "git push",
                "gms doctor --fix, if it is missing here; then git push --follow-tags",
            ),
            ("git status", "git push --no-verify --no-follow-tags", None),
            (
                "git status",
                "git push origin churn@v1.2.0",
                "push the branch too: git push --follow-tags origin main",
            ),
        ],
        ids=["a tag missing there", "a tag missing here", "the server says so", "a tag alone"],
    )
    def test_a_branch_and_its_tag_belong_together(
        self, served: Desk, before: str, push: str, expected: str | None
    ) -> None:
        served.register(C=3.0)
        served.type(before, "store")
        hint = served.hint(push)
        assert expected in (hint, None)
        self.typed(served, hint)
        served.assert_alike()

    def test_a_tag_that_was_moved(self, served: Desk) -> None:
        served.type("git tag -f -a -m moved churn@v1.0.0 main", "store")
        assert served.hint("git push --force origin churn@v1.0.0") == (
            "a version number is used only once: git fetch --force origin tag churn@v1.0.0, "
            "and register another"
        )
        served.type("git fetch --force origin tag churn@v1.0.0", "store")
        served.register(C=3.0)
        served.type("git push", "store")
        served.assert_alike()

    def test_a_proposal_with_its_tags(self, served: Desk) -> None:
        served.register(C=3.0)
        assert served.hint("git push origin main:my-proposal") == (
            "push a proposal without its tags: git push --no-follow-tags origin BRANCH:my-proposal"
        )
        served.type("git push --no-follow-tags origin main:my-proposal", "store")
        served.type("gms validate --range origin/main..origin/my-proposal", "store")

    def test_a_commit_that_a_later_one_does_not_mend(self, served: Desk) -> None:
        """With the versions that came after it."""
        served.type("echo hello > notes.txt && git add . && git commit -qnm notes", "store")
        served.register(C=3.0)
        commit = served.type("git rev-parse --short=12 HEAD~1", "store").strip()
        assert re.findall(r"hint: (.*)", served.type("git push", "store", code=1)) == [
            'remove it, or list it in modelstore.toml: [store] allow = ["notes.txt"]',
            f"no later commit can fix {commit}: git rebase -i {commit}~1, with `edit` to fix it by "
            "git commit --amend or `drop` to remove it; then "
            "gms doctor --fix, and push again",
        ]
        editor = "GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/'"
        served.type(f"{editor} git rebase -i {commit}~1", "store")
        served.type("git rm -q notes.txt && echo hello > README.md && git add .", "store")
        served.type("git commit --amend --no-edit && git rebase --continue", "store")
        served.type("gms doctor --fix && git push", "store")
        served.assert_alike()

    def test_a_large_file_that_was_not_sent(self, served: Desk) -> None:
        settings = served.path / "store" / "modelstore.toml"
        settings.write_text('schema = "1.0"\n\n[storage]\nlfs_threshold = "1 KiB"\n')
        served.type("git commit -qam small", "store")
        served.type("git push", "store")
        served.register(C=3.0)
        server = served.path / "srv" / "models.git"
        (server / "lfs" / "objects").mkdir(parents=True)

        hint = served.hint("git push --no-verify")  # where git-lfs is installed, our hook sends it

        assert hint == "send it first, with the package 'git-lfs': git lfs push --all REMOTE"
        lfs = served.path / "bin" / "git-lfs"  # as that program does to a server beside
        lfs.write_text(f'#!/bin/sh\ncp -R .git/lfs/objects "{shlex.quote(str(server))}/lfs/"\n')
        lfs.chmod(0o755)
        self.typed(served, hint.replace("REMOTE", "origin"))
        served.type("git push", "store")
        served.assert_alike()
