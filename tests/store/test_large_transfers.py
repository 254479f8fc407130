"""Large pipelines between machines: what git-lfs moves, and what comes of it where it cannot."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, MissingObject, NotFetched, RemoteUnreachable
from tests.interop import environments

from .hosts import PASSWORD, USER, Host, serving
from .looks import commit_by_hand, git, refused, use_lfs
from .ssh_hosts import needs_ssh
from .test_large_files import dense
from .test_remotes import helper, server
from .test_share import clean, hub, refs

__all__ = ["helper", "hub", "server"]

# giftless 0.6.2 names nothing that it needs; its tokens have no subject, as later JWTs must.
GIFTLESS = (
    "giftless>=0.6.2", "cachetools", "cryptography", "figcan", "flask", "flask-classful",
    "flask-marshmallow", "pyjwt<2.10", "python-dateutil", "python-dotenv", "pyyaml", "requests",
    "typing-extensions", "webargs",
)  # fmt: skip

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs the package git-lfs")


def objects(place: Path) -> dict[str, Path]:
    """Return the Git LFS objects of a repository, by SHA-256."""
    root = Path(git(place, "rev-parse", "--absolute-git-dir").strip()) / "lfs/objects"
    return {path.name: path for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def large(store: Store, fitted) -> Store:
    """Has one version, which is large: from 1 KiB on."""
    use_lfs(store.path)
    store.register(fitted, "churn", code=None)
    return store


@needs_lfs
class TestBetweenFolders:
    def test_it_goes_with_a_push_and_comes_when_it_is_loaded(self, large, hub, tmp_path, X_test):
        lines: list[str] = []
        Store.open(large.path, durable=False, meter=lines.append).push(str(hub))
        assert objects(hub).keys() == objects(large.path).keys()
        assert any("Uploading LFS objects: 100% (1/1)" in line for line in lines)
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        assert not objects(ben.path)

        loaded = ben.load("churn@1.0.0")

        assert (loaded.predict(X_test) == large.load("churn@1.0.0").predict(X_test)).all()
        assert objects(ben.path).keys() == objects(large.path).keys()
        assert clean(ben)

    def test_a_full_clone_has_all_of_them_and_one_by_url_what_is_asked_for(
        self, store, hub, tmp_path, monkeypatch
    ):
        use_lfs(store.path, "100 KiB")
        for megabytes in (0.2, 0.01, 0.3):
            store.register(dense(megabytes), "churn", code=None)
        store.push(str(hub))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        named = Store.open(hub.as_uri(), durable=False)
        assert len(named.load("churn@1.0.0")._fit_X) == 2500
        assert len(objects(named.path)) == 1
        named.promote("churn@1.0.0", "production")
        assert named.register(dense(0.4), "churn", code=None).version.patch == 3
        assert len(objects(hub)) == 3

        for number, url in enumerate((str(hub), hub.as_uri())):
            ben = Store.clone(url, tmp_path / f"ben{number}", full=True, durable=False)
            assert objects(ben.path).keys() == objects(hub).keys()
        hub.rename(hub.with_name("away.git"))

        assert len(ben.load("churn@1.0.2")._fit_X) == 3750
        assert ben.verify().is_sound
        assert clean(ben)

    def test_what_the_remote_lacks_is_said(self, large, hub, tmp_path):
        large.push(str(hub))
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        (sha256, path), *_ = objects(hub).items()
        path.unlink()

        with pytest.raises(MissingObject) as caught:
            ben.load("churn@1.0.0")

        assert str(caught.value) == f"origin does not have the Git LFS object {sha256[:12]}"
        assert "git lfs push --all origin" in str(caught.value.hint)

    def test_a_file_of_the_store_leads_it_nowhere_else(self, large, hub, tmp_path):
        """Whoever may push could have models and passwords sent to a server of his."""
        elsewhere = tmp_path / "elsewhere.git"
        git(tmp_path, "init", "--quiet", "--bare", str(elsewhere))
        url = f"file://{elsewhere}"
        text = f'[lfs]\nurl = {url}\npushurl = {url}\n[remote "origin"]\nlfsurl = {url}\n'
        commit_by_hand(large.path, ".lfsconfig", text)

        large.push(str(hub))
        Store.clone(str(hub), tmp_path / "ben", durable=False).load("churn@1.0.0")

        assert objects(hub)
        assert not objects(elsewhere)

    def test_no_program_that_its_own_configuration_names_is_run(self, large, hub, tmp_path):
        """A store may come as a folder, with somebody's configuration; then nothing is moved."""
        large.push(str(hub))
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        program, mark = tmp_path / "agent", tmp_path / "ran"
        program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        program.chmod(0o755)
        for name in ("lfs.standalonetransferagent", f"lfs.file://{hub}.standalonetransferagent"):
            git(ben.path, "config", name, "evil")
        git(ben.path, "config", "lfs.customtransfer.evil.path", str(program))

        with pytest.raises(NotFetched):
            ben.load("churn@1.0.0")
        assert not mark.exists()

    def test_a_model_grows_and_shrinks(self, store, hub, tmp_path):
        grow_and_shrink(store, str(hub), tmp_path / "ben")

    def test_another_remote_gets_what_is_here_first(self, store, hub, tmp_path):
        use_lfs(store.path, "100 KiB")
        for megabytes in (0.2, 0.01, 0.3):
            store.register(dense(megabytes), "churn", code=None)
        store.push(str(hub))
        backup = tmp_path / "backup.git"
        git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(backup))
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        ben.add_remote("backup", str(backup))
        ben.load("churn@1.0.0")

        message, hint = refused(ben, MissingObject, ben.push, "backup")
        assert message == (
            "large pipelines to be sent to backup are missing or damaged here: churn 1.0.2"
        )
        assert hint == "`gms verify --all` fetches what is missing, and says what is damaged"
        assert not refs(backup)
        ben.verify()
        ben.push("backup")
        assert objects(backup).keys() == objects(hub).keys()

        cleo = Store.clone(str(hub), tmp_path / "cleo", durable=False)
        cleo.add_remote("backup", str(backup))
        cleo.promote("churn@1.0.0", "production")
        assert cleo.push("backup").sent == 1
        assert not objects(cleo.path)

    def test_one_that_was_cut_short_here_is_not_sent(self, large, hub):
        (path,) = objects(large.path).values()
        path.chmod(0o644)
        os.truncate(path, 500)

        message, _ = refused(large, MissingObject, large.push, str(hub))
        assert message.endswith(" are missing or damaged here: churn 1.0.0")


def grow_and_shrink(store: Store, url: str, place: Path) -> None:
    """Have versions on both sides of the threshold go and come, and roll back across it."""
    use_lfs(store.path, "100 KiB")
    for number, megabytes in enumerate((0.01, 0.2, 0.02)):
        store.register(dense(megabytes), "churn", code=None)
        store.promote(f"churn@1.0.{number}", "production")
    store.push(url)
    (large,) = objects(store.path)
    ben = Store.clone(url, place, durable=False)
    assert not objects(place)

    ben.rollback("churn", push=True)
    assert objects(place).keys() == {large}
    assert len(ben.load("churn@production")._fit_X) == 2500
    ben.rollback("churn", push=True)
    assert len(ben.load("churn@production")._fit_X) == 125
    assert ben.register(dense(0.3), "churn", code=None, push=True).version.patch == 3
    assert ben.verify().is_sound
    assert clean(ben)

    store.pull()
    assert clean(store)
    assert len(store.load("churn@1.0.3")._fit_X) == 3750
    assert clean(store)


@pytest.fixture
def without_lfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has git, and not git-lfs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for path in Path(folder).glob("*"):
            if path.name != "git-lfs" and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    monkeypatch.setenv("PATH", str(programs))


class TestWithoutTheProgram:
    def test_a_push_names_the_package_and_sends_nothing(self, large, hub, without_lfs):
        with pytest.raises(GitFailed, match="git-lfs, which is not installed") as caught:
            large.push(str(hub))

        assert caught.value.hint == "install the package 'git-lfs'"
        assert not refs(hub)

    def test_a_load_does_so_too(self, large, hub, tmp_path, without_lfs):
        git(large.path, "push", "--quiet", str(hub), "main", "churn@v1.0.0")
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)

        for call in (ben.load, lambda ref: ben.read(ref, "pipeline.joblib")):
            with pytest.raises(GitFailed, match="git-lfs, which is not installed"):
                call("churn@1.0.0")


@pytest.fixture(scope="session")
def giftless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with a Git LFS server."""
    return environments.make(tmp_path_factory.mktemp("giftless") / "env", *GIFTLESS)


@pytest.fixture
def host(tmp_path: Path, giftless: Path, helper: None) -> Iterator[Host]:
    """Serves team/hub.git, an empty repository, and its large files."""
    team = tmp_path / "served" / "team"
    team.mkdir(parents=True)
    git(team, "init", "--quiet", "--bare", "-b", "main", str(team / "hub.git"))
    git(team / "hub.git", "config", "http.receivepack", "true")
    git(team, "config", "--global", "lfs.transfer.maxretries", "1")  # else it tries for minutes
    with serving(tmp_path / "served", giftless) as host:
        yield host


@needs_lfs
@pytest.mark.long
class TestOverHttp:
    @pytest.fixture
    def hub(self, tmp_path: Path) -> Path:
        return tmp_path / "served/team/hub.git"

    @pytest.fixture
    def big(self, store: Store) -> Store:
        """Has a version of 3 MB, of which the server gets parts."""
        use_lfs(store.path)
        store.register(dense(3), "churn", code=None)
        return store

    @staticmethod
    def url(host: Host) -> str:
        return f"{host.url}/team/hub.git"

    @staticmethod
    def assert_sound(place: Path) -> None:
        """Every large file is whole."""
        for sha256, path in objects(place).items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        git(place, "fsck", "--strict", "--no-dangling")

    def test_it_goes_and_comes(self, large, host, hub, tmp_path):
        assert large.push(self.url(host)).tags == ("churn@v1.0.0",)
        assert host.large_files.keys() == objects(large.path).keys()

        ben = Store.clone(self.url(host), tmp_path / "ben", durable=False)
        assert not objects(ben.path)
        assert clean(ben)

        assert ben.load("churn@1.0.0") is not None
        assert ben.verify().is_sound
        assert clean(ben)

    def test_a_model_grows_and_shrinks(self, store, host, tmp_path):
        grow_and_shrink(store, self.url(host), tmp_path / "ben")

    def test_the_server_ends_in_the_middle_of_an_upload(self, big, host, hub):
        ((sha256, file),) = objects(big.path).items()
        host.end_after(1_000_000)

        with pytest.raises(RemoteUnreachable, match="origin did not take every large file: "):
            big.push(self.url(host))
        assert not refs(hub)
        assert all(path.stat().st_size < 2_000_000 for path in host.large_files.values())
        assert clean(big)

        host.start()
        big.push()
        assert host.large_files[sha256].read_bytes() == file.read_bytes()
        assert refs(hub)["refs/heads/main"]

    def test_the_server_ends_in_the_middle_of_a_download(self, big, host, tmp_path):
        big.push(self.url(host))
        ben = Store.clone(self.url(host), tmp_path / "ben", durable=False)
        host.end_after(1_000_000)

        with pytest.raises(NotFetched, match="and origin did not send every large file: "):
            ben.load("churn@1.0.0")
        assert not objects(ben.path)
        assert clean(ben)

        host.start()
        assert ben.load("churn@1.0.0") is not None
        self.assert_sound(ben.path)
        size = next(iter(objects(ben.path).values())).stat().st_size
        assert host.sizes("GET", "/objects/storage/") == [size, size - 1_000_000]

    def test_other_bytes_of_a_server_are_not_taken(self, big, host, tmp_path):
        big.push(self.url(host))
        ben = Store.clone(self.url(host), tmp_path / "ben", durable=False)
        ((sha256, path),) = host.large_files.items()
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

        for _ in range(2):
            with pytest.raises(NotFetched, match=f"did not send the bytes of {sha256[:12]}"):
                ben.load("churn@1.0.0")
            assert not objects(ben.path)
            assert clean(ben)
        path.write_bytes(data)
        assert ben.load("churn@1.0.0") is not None

    def test_a_wrong_password_is_offered_once(self, large, host, isolated):
        (isolated / "helper").write_text("#!/bin/sh\necho username=ann\necho password=old\n")

        with pytest.raises(RemoteUnreachable, match="Authentication failed for"):
            large.push(self.url(host))
        assert len(host.sizes("POST", "/info/lfs/")) == 0


@needs_lfs
@needs_ssh
@pytest.mark.long
def test_a_plain_ssh_server_has_none_and_another_is_named(large, hub, server, host, tmp_path):
    with pytest.raises(RemoteUnreachable, match="it has no Git LFS server for this repository"):
        large.push(f"models:{hub}")
    assert not refs(hub)

    place = f"{host.url}/team/hub.git/info/lfs"
    git(large.path, "config", "lfs.url", place)
    large.push()
    assert host.large_files.keys() == objects(large.path).keys()

    ben = Store.clone(f"models:{hub}", tmp_path / "ben", durable=False)
    with pytest.raises(MissingObject, match="origin does not have the Git LFS object"):
        ben.load("churn@1.0.0")
    git(ben.path, "config", "lfs.url", place)
    assert ben.load("churn@1.0.0") is not None


@needs_lfs
def test_a_password_that_only_git_lfs_refuses_is_offered_once(large, hub, tmp_path, isolated):
    """Git gets in, so that nothing is seen of it before; git-lfs would never end."""
    git(hub, "config", "http.receivepack", "true")
    (tmp_path / "elsewhere").mkdir()
    with serving(tmp_path) as host, serving(tmp_path / "elsewhere") as other:
        script = isolated / "helper"
        script.write_text(
            f"#!/bin/sh\ngrep -q '^host={other.url[7:]}' && echo password=old || "
            f"echo password={PASSWORD}\necho username={USER}\n"
        )
        script.chmod(0o755)
        git(tmp_path, "config", "--global", "credential.helper", str(script))
        git(large.path, "config", "lfs.url", f"{other.url}/hub.git/info/lfs")

        with pytest.raises(RemoteUnreachable) as caught:
            large.push(f"{host.url}/hub.git")

        assert str(caught.value) == (
            f"origin did not take every large file: '{other.url}' refused the password of 'ann'"
        )
        assert len(other.sizes("POST", "/info/lfs/")) < 6
    assert not refs(hub)


@needs_lfs
def test_a_host_without_git_lfs_is_said(large, hub, tmp_path, helper):
    git(hub, "config", "http.receivepack", "true")
    with serving(tmp_path) as host, pytest.raises(RemoteUnreachable) as caught:
        large.push(f"{host.url}/hub.git")

    assert str(caught.value) == (
        "origin did not take every large file: it has no Git LFS server for this repository"
    )
    assert not refs(hub)
