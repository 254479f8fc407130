"""Proposals on a host whose main branch nobody may push to, and what tags them once merged."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import (
    AlreadyExists,
    GateNotPassed,
    InvalidInput,
    RemoteRefused,
    StoreBusy,
    VersionExists,
)
from gitmodelstore.operations.promote import Gatekeeper, promote
from gitmodelstore.operations.share import propose
from gitmodelstore.plumbing.remotes import Remote
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.writer_lock import Note
from gitmodelstore.plumbing.writer_lock import write as write_note
from gitmodelstore.values.events import Event
from tests.json_documents import checked
from tests.store import children
from tests.store.hosts import PASSWORD, USER, serving
from tests.store.looks import git, refusal

from .conftest import pipeline
from .protected import Host

BUTTONS = [
    "squash",
    *(pytest.param(button, marks=pytest.mark.long) for button in ("merge", "rebase")),
]


@pytest.fixture(scope="module")
def made(between_tests: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with churn 1.0.0, 1.1.0 in production and 1.2.0, as the tests copy it."""
    path = tmp_path_factory.mktemp("made") / "ann"
    store = Store.init(path, durable=False)
    for C in (1.0, 2.0):
        store.register(pipeline(C), "churn", code=None)
    store.promote("churn@1.0.0", "production")
    store.promote("churn@1.1.0", "production")
    return path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def ann(made: Path, host: Host, tmp_path: Path) -> Store:
    """Has pushed the store to the host, which protects the branch from now on."""
    subprocess.run(["cp", "-r", str(made), str(tmp_path / "ann")], check=True)
    git(tmp_path / "ann", "status")
    store = Store.open(tmp_path / "ann", durable=False)
    store.push(str(host.path))
    return store


def ci(host: Host, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What the host runs after a merge, in a fresh clone of its own."""
    clone = tmp_path / f"ci{len(list(tmp_path.iterdir()))}"
    subprocess.run(["git", "clone", "--quiet", str(host.path), str(clone)], check=True)
    return children.gms("doctor", "--fix", "--push", cwd=clone)


def state(store: Store) -> tuple[str, ...]:
    """All of a store that a proposal must leave alone."""
    files = (".git/HEAD", ".git/index", ".git/logs/HEAD", ".git/config")
    refs = git(store.path, "for-each-ref", "refs/heads", "refs/tags", "refs/gitmodelstore")
    kept = tuple((store.path / name).read_bytes().hex() for name in files)
    return refs, git(store.path, "status", "--porcelain"), *kept


class TestWhatIsProposed:
    def test_a_version_is_on_a_branch_of_the_remote_and_nowhere_else(self, ann, host):
        (ann.path / "notes.txt").write_text("mine\n")
        before, main = state(ann), host.refs()["refs/heads/main"]

        version = ann.register(pipeline(3.0), "churn", code=None, propose=True)

        assert state(ann) == before
        proposal = version.proposal
        assert (str(version), version.status) == ("churn 1.2.0", "registered")
        branch = "propose/register-churn-1.2.0"
        assert (proposal.title, proposal.branch) == ("register churn 1.2.0", branch)
        assert (proposal.remote, proposal.url) == ("origin", str(host.path))
        assert (proposal.into, proposal.commit) == ("main", version.commit)
        assert proposal.request == f"https://host.example/acme/models/pull/new/{branch}"
        assert proposal.messages[0].startswith("Create a pull request for ")
        refs = host.refs()
        assert (refs[f"refs/heads/{branch}"], refs["refs/heads/main"]) == (version.commit, main)
        assert git(host.path, "rev-parse", f"{branch}~1").strip() == main
        assert "refs/tags/churn@v1.2.0" not in refs
        assert [str(one.version) for one in ann.versions("churn")] == ["1.1.0", "1.0.0"]
        between = ("origin/main", f"origin/{branch}")
        assert ann.validate(between) == ()

    def test_promote_and_rollback_say_what_will_happen(self, ann, host):
        before = state(ann)

        back = ann.rollback("churn", reason="drift", propose=True)
        events = ann.promote("churn@1.0.0", "staging", propose="quarter/q4")

        assert state(ann) == before
        assert [str(event) for event in back] == [
            "churn 1.1.0 withdrawn: production -> withdrawn (drift)",
            "churn 1.0.0 rolled-back: archived -> production (drift)",
        ]
        assert {event.proposal.branch for event in back} == {"propose/roll-back-churn-to-1.0.0"}
        assert [event.proposal.branch for event in events] == ["quarter/q4"]
        assert {name for name in host.refs() if name.startswith("refs/heads/")} == {
            "refs/heads/main",
            "refs/heads/propose/roll-back-churn-to-1.0.0",
            "refs/heads/quarter/q4",
        }
        assert str(ann.version("churn@production").version) == "1.1.0"

    def test_a_branch_that_is_there_is_gone_on_with_until_it_is_merged(self, ann, host):
        first = ann.register(pipeline(3.0), "churn", code=None, propose="next")

        (event, _) = ann.promote("churn@1.2.0", "production", propose="next")

        assert git(ann.path, "rev-parse", f"{event.commit}~1").strip() == first.commit
        host.press("merge", "next", delete=False)
        after = ann.promote("churn@1.0.0", "staging", propose="next")
        assert git(ann.path, "rev-parse", f"{after[0].commit}~1") == git(
            host.path, "rev-parse", "main"
        )

    def test_what_the_remote_has_counts_and_not_what_is_here(self, ann, host, tmp_path, caplog):
        """Somebody has merged a version since, and of this store's own one nothing is known."""
        ben = Store.clone(str(host.path), tmp_path / "ben")
        host.press("rebase", ben.register(pipeline(4.0), "churn", code=None,
                                          propose=True).proposal.branch)  # fmt: skip
        ann.register(pipeline(5.0), "risk", code=None)

        with caplog.at_level("INFO", "gitmodelstore"):
            version = ann.register(pipeline(3.0), "churn", code=None, propose=True)

        assert str(version) == "churn 1.3.0"
        assert "it leaves out 1 commit of yours that origin does not have" in caplog.text
        tree = git(host.path, "ls-tree", "--name-only", version.commit, "models/")
        assert tree == "models/churn\n"

    def test_a_gate_is_judged_and_what_to_type_then_proposes_too(self, ann, host):
        text = 'schema = "1.0"\n\n[gates.staging]\nmetrics = ["auc >= 0.9"]\n'
        (ann.path / "modelstore.toml").write_text(text)
        git(ann.path, "commit", "--quiet", "-am", "rules")
        git(ann.path, "push", "--quiet", "--no-follow-tags", "origin", "main:rules")
        host.press("rebase", "rules")

        said = refusal(ann.promote, "churn@1.0.0", "staging", propose=True)

        assert said[0] is GateNotPassed
        assert said[2].endswith(
            "override it: gms promote churn@1.0.0 staging --force --reason TEXT --propose"
        )
        force = {"force": True, "reason": "a trial"}
        ann.promote("churn@1.0.0", "staging", propose="trial", **force)
        assert ann.validate(("origin/main", "origin/trial")) == ()

    def test_what_is_so_already_is_not_proposed(self, ann, host):
        before = host.refs()

        assert ann.promote("churn@1.1.0", "production", propose=True) == ()

        assert host.refs() == before

    def test_what_a_dead_writer_left_on_the_branch_is_finished(self, ann):
        old = git(ann.path, "rev-parse", "main").strip()
        version = ann.register(pipeline(4.0), "risk", code=None)
        tag = git(ann.path, "rev-parse", f"refs/tags/{version.tag}").strip()
        git(ann.path, "update-ref", "-d", f"refs/tags/{version.tag}")
        note = Note(old, version.commit, {version.tag: tag}, (str(ann.path),))
        write_note(ann.path / ".git", note, ann._repository.sharing)

        ann.promote("churn@1.0.0", "staging", propose=True)

        assert git(ann.path, "rev-parse", f"refs/tags/{version.tag}").strip() == tag

    def test_large_files_go_before(self, ann, host, tmp_path):
        """And a clone that has but the pointer tags the version that was merged."""
        text = 'schema = "1.0"\n\n[storage]\nlfs_threshold = "1 KiB"\n'
        (ann.path / "modelstore.toml").write_text(text)
        git(ann.path, "add", "modelstore.toml")
        git(ann.path, "commit", "--quiet", "-m", "small")
        git(ann.path, "push", "--quiet", "--no-verify", "origin", "main:small")
        host.press("rebase", "small")
        ann.pull()
        lfs = subprocess.run(["git", "lfs", "version"], capture_output=True).returncode == 0
        if not lfs:
            pytest.skip("needs the package git-lfs")
        branch = ann.register(pipeline(3.0), "churn", code=None, propose=True).proposal.branch
        assert list((host.path / "lfs" / "objects").rglob("*/*/*"))
        host.press("squash", branch)

        assert ci(host, tmp_path).returncode == 0
        assert "refs/tags/churn@v1.2.0" in host.refs()


class TestOnceItIsMerged:
    @pytest.mark.parametrize("button", BUTTONS)
    def test_the_doctor_tags_the_commit_of_the_branch(self, ann, host, tmp_path, button):
        branch = ann.register(pipeline(3.0), "churn", code=None, propose=True).proposal.branch
        ann.promote("churn@1.2.0", "production", propose=branch)
        main = host.press(button, branch)

        done = ci(host, tmp_path)

        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("sent to origin: churn@v1.2.0\n")
        again = ci(host, tmp_path)
        assert (again.returncode, again.stderr.splitlines()[0]) == (0, "note: origin has all of it")
        assert host.refs()["refs/heads/main"] == main
        tagged = host.refs()["refs/tags/churn@v1.2.0"]
        assert git(host.path, "merge-base", "--is-ancestor", tagged, main) == ""
        ann.pull()
        assert str(ann.version("churn@production")) == "churn 1.2.0"
        assert ann.version("churn@1.2.0").commit == tagged
        assert ann.validate() == ()
        assert ann.doctor().faults == ()
        assert git(ann.path, "status", "--porcelain") == ""
        assert git(ann.path, "rev-parse", "main", "origin/main").split() == [main, main]

    def test_a_merge_keeps_the_reason(self, ann, host):
        """Though the message of the merge, which moves the version, is the host's."""
        (event,) = ann.promote("churn@1.0.0", "staging", reason="fewer alarms", propose=True)
        host.press("merge", event.proposal.branch)

        ann.pull()

        assert ann.which("churn@staging").why == ann.log("churn")[0].why == "fewer alarms"

    def test_no_push_has_more_than_three_tags(self, ann, host, tmp_path):
        for model in ("a", "b", "c", "d"):
            ann.register(pipeline(3.0), model, code=None, propose="four")
        host.press("merge", "four")
        before = len(host.tags_per_push())

        assert ci(host, tmp_path).returncode == 0

        assert host.tags_per_push()[before:] == [3, 1]

    def test_two_versions_of_a_model_in_a_squash_are_refused(self, ann, host, tmp_path):
        ann.register(pipeline(3.0), "churn", code=None, propose="two")
        ann.register(pipeline(4.0), "churn", code=None, propose="two")
        assert ann.validate(("origin/main", "origin/two")) == ()  # a merge would do
        host.press("squash", "two")

        done = ci(host, tmp_path)

        assert done.returncode == 1
        assert "churn gets 1.2.0, 1.3.0 in one commit [GMS034]\n" in done.stdout
        assert "refs/tags/churn@v1.2.0" not in host.refs()  # of which the branch has no folder
        ann.withdraw("churn@1.2.0", propose="out")
        ann.register(pipeline(5.0), "risk", code=None, propose="out")
        host.press("squash", "out")
        assert ci(host, tmp_path).returncode == 1
        assert "refs/tags/risk@v1.0.0" in host.refs()  # one that is broken stops no other

    def test_a_number_that_was_taken_meanwhile_is_named_by_the_check(self, ann, host):
        mine = ann.register(pipeline(3.0), "churn", code=None, propose="mine")
        ann.register(pipeline(4.0), "churn", code=None, propose="theirs")
        host.press("squash", "theirs")
        git(ann.path, "fetch", "--quiet", "origin")

        (fault,) = ann.validate(("origin/main", "origin/mine"))

        assert str(fault) == (
            "models/churn: another churn 1.2.0 was registered on origin/main first [GMS033]"
        )
        assert fault.commit == mine.commit
        assert fault.mend.startswith("propose it again, for the next number: git push REMOTE ")
        git(ann.path, "push", "--quiet", "origin", "--delete", "mine")
        assert str(ann.register(pipeline(3.0), "churn", code=None, propose="mine")) == "churn 1.3.0"
        assert ann.validate(("origin/main", "origin/mine")) == ()

    @pytest.mark.long  # tests/gate/test_first_server.py does it with a squash in every run
    @pytest.mark.parametrize("button", ["merge", "squash", "rebase"])
    def test_commits_that_were_here_already_are_proposed_as_the_hint_says(
        self, ann, host, tmp_path, button
    ):
        ann.register(pipeline(3.0), "churn", version="1.2.0", code=None)
        ann.promote("churn@1.2.0", "production")
        said = refusal(ann.push)
        assert said[0] is RemoteRefused
        command = "git push --no-follow-tags origin main:propose/NAME"
        assert said[2] == (
            f"nobody may push to it: {command}, and `gms pull` once that is merged; "
            "--propose does it at once"
        )
        git(ann.path, *command.split()[1:])
        main = host.press(button, "propose/NAME")
        ci(host, tmp_path)

        ann.pull()

        assert git(ann.path, "rev-parse", "main").strip() == main
        assert [str(one.version) for one in ann.versions("churn")] == ["1.2.0", "1.1.0", "1.0.0"]
        assert str(ann.version("churn@production")) == "churn 1.2.0"
        assert ann.doctor().faults == ()
        assert ann.validate() == ()


class TestRefused:
    def test_what_somebody_has_proposed_already(self, ann, host):
        ann.register(pipeline(3.0), "churn", code=None, propose=True)
        before = host.refs(), state(ann)
        name = "propose/register-churn-1.2.0"

        assert refusal(ann.register, pipeline(4.0), "churn", code=None, propose=True) == (
            AlreadyExists,
            f"this is proposed already: branch '{name}' of origin",
            f"add this to it with --propose {name}, name another branch, or remove that one: "
            f"git push origin --delete {name}",
        )

        assert (host.refs(), state(ann)) == before

    @pytest.mark.parametrize(
        ("branch", "expected"),
        [
            ("main", "'main' is the branch of the store"),
            ("a b", "'a b' is not the name of a branch"),
            ("x:refs/heads/main", "'x:refs/heads/main' is not the name of a branch"),
            ("", "'' is not the name of a branch"),
            ("pages", "branch 'pages' of origin holds no model store"),
            (3, "expected True or the name of a branch, found 3"),
        ],
    )
    def test_what_is_no_branch_for_it(self, ann, host, branch, expected):
        empty = git(host.path, "hash-object", "-t", "tree", "-w", "/dev/null").strip()
        other = git(
            host.path, "-c", "user.name=x", "-c", "user.email=x", "commit-tree", "-m", "x", empty
        )
        git(host.path, "update-ref", "refs/heads/pages", other.strip())
        before = host.refs(), state(ann)

        said = refusal(ann.promote, "churn@1.0.0", "staging", propose=branch)

        assert said[:2] == (InvalidInput, expected)
        assert (host.refs(), state(ann)) == before

    def test_what_somebody_else_pushes_to_that_branch_at_the_same_time(self, ann, host):
        def make(at: Repository) -> tuple[Event, ...]:
            git(host.path, "update-ref", "refs/heads/mine", "main")
            tree = git(host.path, "rev-parse", "main^{tree}").strip()
            who = ("-c", "user.name=x", "-c", "user.email=x")
            other = git(host.path, *who, "commit-tree", "-p", "main", "-m", "first", tree)
            git(host.path, "update-ref", "refs/heads/mine", other.strip())
            keeper = Gatekeeper(ann._writer())
            return promote(at, keeper, ["churn@1.0.0"], "staging")

        before = state(ann)

        assert refusal(propose, ann._repository, ann._writer, make, "mine") == (
            StoreBusy,
            "somebody else has just pushed to 'mine' of origin",
            "nothing has changed; try again",
        )

        assert state(ann) == before
        assert git(host.path, "log", "-1", "--format=%s", "mine") == "first\n"

    def test_what_the_host_does_not_take(self, ann, host):
        hook = host.path / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho branches are called feature/*\nexit 1\n")
        before = host.refs(), state(ann)

        said = refusal(ann.promote, "churn@1.0.0", "staging", propose=True)

        assert said[0] is RemoteRefused
        assert "branches are called feature/*" in said[1]
        assert said[2] == (
            "nothing has changed; do what it asks for, or name another branch: --propose BRANCH"
        )
        assert (host.refs(), state(ann)) == before

    def test_a_number_that_a_version_of_this_store_has(self, ann):
        ann.register(pipeline(3.0), "churn", code=None)
        before = state(ann)

        assert refusal(ann.register, pipeline(4.0), "churn", code=None, propose=True) == (
            VersionExists,
            "tag 'churn@v1.2.0' exists here, for a version that is not on the remote",
            "push that version first, or give this one another number with --version",
        )
        assert state(ann) == before
        other = ann.register(pipeline(4.0), "churn", version="1.3.0", code=None, propose=True)
        assert other.proposal.branch == "propose/register-churn-1.3.0"

    def test_a_store_without_a_remote_or_with_an_empty_one(self, made, tmp_path):
        subprocess.run(["cp", "-r", str(made), str(tmp_path / "ann")], check=True)
        store = Store.open(tmp_path / "ann", durable=False)
        propose = {"propose": True}
        assert refusal(store.promote, "churn@1.0.0", "staging", **propose)[:2] == (
            InvalidInput,
            "the store has no remote",
        )
        git(tmp_path, "init", "--quiet", "--bare", "empty.git")
        store.add_remote("origin", str(tmp_path / "empty.git"))
        assert refusal(store.promote, "churn@1.0.0", "staging", **propose) == (
            InvalidInput,
            "origin has no branch 'main' yet",
            "push the store to it: gms push",
        )
        assert refusal(store.promote, "churn@1.0.0", "staging", push=True, **propose)[1] == (
            "a proposal is pushed to a branch of its own"
        )


class TestCommands:
    def test_they_say_where_to_ask_for_the_merge(self, ann, host):
        done = children.gms("promote", "churn@1.0.0", "staging", "--propose", cwd=ann.path)

        page = "https://host.example/acme/models/pull/new/propose/promote-churn-1.0.0-to-staging"
        assert re.sub(r"[0-9a-f]{7}\n", "COMMIT\n", done.stdout) == (
            "proposed: promote churn 1.0.0 to staging  COMMIT\n"
            f"branch propose/promote-churn-1.0.0-to-staging on origin ({host.path})\n"
            f"{page}\n"
        )
        assert done.stderr == (
            "remote: Create a pull request for 'propose/promote-churn-1.0.0-to-staging' on the "
            "host by visiting:\n"
            f"remote:      {page}\n"
            "note: it counts once it is merged into main\n"
        )

    def test_a_host_that_says_nothing_is_not_guessed_at(self, ann, monkeypatch):
        monkeypatch.setenv("QUIET_HOST", "1")

        done = children.gms(
            "rollback", "churn", "--reason", "x", "--propose", "back", "--json", cwd=ann.path
        )

        document = checked("gms-rollback", done.stdout)
        assert document["proposal"]["branch"] == "back"
        assert document["proposal"]["request"] is None
        assert document["proposal"]["messages"] == []

    def test_nobody_reads_the_password_of_the_url(self, ann, host, tmp_path):
        git(host.path, "config", "http.receivepack", "true")
        with serving(tmp_path) as server:
            url = server.url.replace("://", f"://{USER}:{PASSWORD}@")
            git(ann.path, "remote", "set-url", "origin", f"{url}/host.git")
            done = children.gms("promote", "churn@1.0.0", "staging", "--propose", cwd=ann.path)

        assert f" on origin ({server.url}/host.git)\n" in done.stdout
        assert "remote: Create a pull request for " in done.stderr
        assert PASSWORD not in done.stdout + done.stderr

    def test_a_version_from_a_file_or_a_folder(self, ann):
        children.gms("get", "churn@1.1.0", "-o", "mine", cwd=ann.path.parent / "ann")
        file = "mine/pipeline.joblib"

        one = children.gms("register", "risk", file, "--propose", "--json", cwd=ann.path)
        folder = ("register", "--from-folder", "mine", "--propose", "f")
        two = children.gms(*folder, "--json", cwd=ann.path)

        document = checked("gms-register", one.stdout)
        assert (document["version"], document["created"]) == ("1.0.0", True)
        assert document["proposal"]["branch"] == "propose/register-risk-1.0.0"
        assert checked("gms-register", two.stdout)["proposal"]["branch"] == "f"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (
                "promote --propose churn@1.0.0 staging",
                "'staging' alone: promote needs a version and a status; "
                "--propose took 'churn@1.0.0': put it last",
            ),
            (
                "register --propose churn pipeline.joblib",
                "missing argument 'FILE'; --propose took 'churn': put it last",
            ),
            ("doctor --push", "--push needs --fix"),
        ],
    )
    def test_what_is_typed_in_the_wrong_order(self, ann, words, said):
        done = children.gms(*words.split(), cwd=ann.path)

        assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {said}")


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://ada:s3cret@github.com/acme/models.git", "https://github.com/acme/models/pull/new/a/b"),
        ("git@github.com:acme/models.git", "https://github.com/acme/models/pull/new/a/b"),
        ("ssh://git@ssh.github.com:443/acme/models.git", "https://github.com/acme/models/pull/new/a/b"),
        (
            "https://gitlab.com/acme/ml/models",
            "https://gitlab.com/acme/ml/models/-/merge_requests/new?merge_request%5Bsource_branch"
            "%5D=a%2Fb&merge_request%5Btarget_branch%5D=main",
        ),
        ("https://codeberg.org/acme/models/", "https://codeberg.org/acme/models/compare/main...a/b"),
        ("https://github.com.evil.example/acme/models.git", None),
        ("https://git.acme.example/acme/models.git", None),
        ("server:/srv/models.git", None),
        ("/srv/github.com/acme/models.git", None),
    ],
)  # fmt: skip
def test_the_page_of_a_known_host(tmp_path: Path, url: str, page: str | None) -> None:
    git(tmp_path, "init", "--quiet", "store")
    git(tmp_path / "store", "remote", "add", "origin", url)
    remote = Remote(Repository.open(tmp_path / "store"), "origin", url, "main")

    assert remote.request_page("a/b", []) == page
    own = "https://git.acme.example/acme/models/-/merge_requests/7"
    said = ["see https://git.acme.example/security", f"View it: {own}"]
    assert remote.request_page("a/b", said) == own
