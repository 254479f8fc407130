"""The catalogue: what its pages say, that equal stores give equal bytes, and what may be there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.errors import CannotWrite
from gitmodelstore.operations.site import LIST
from gitmodelstore.pages import commit_address, web_address
from tests.pages.conftest import contents
from tests.pages.hostile import ATTACKS, UNSEEN, add_hostile
from tests.store import looks

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """A page as a browser reads it: texts, tags and attributes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        return [of[name] or "" for _, of in self.tags if name in of]


def page(folder: Path, name: str) -> Page:
    return Page((folder / name).read_bytes())


def test_the_page_of_all_models_says_what_is_in_production_since_when_and_by_whom(catalogue):
    text = page(catalogue, "index.html").text

    assert "Models 2 In production 1 Versions 6" in text
    assert "tumours LogisticRegression · classification · 4 versions production 1.1.0" in text
    assert "since 2026-03-09 by Ada Lovelace 0.9371 accuracy" in text
    assert "progression Ridge · regression · 2 versions not in production highest version" in text


def test_the_page_of_a_model_shows_curves_periods_rollbacks_and_events(catalogue):
    shown = page(catalogue, "models/tumours/index.html")
    charts = (catalogue / "models/tumours/index.html").read_text()

    assert charts.count('<svg class="curve"') == 3
    assert charts.count('<rect class="shade') == 3 * 4
    assert charts.count('<g class="rollback">') == 3
    assert "1.1.0 production 2026-03-09 now Ada Lovelace ↩ rolled back: recall fell" in shown.text
    assert "1.3.0 production 2026-02-28 2026-03-09 Ada Lovelace better on the test" in shown.text
    assert 'annotated: ticket="A-17" field_recall=0.93' in shown.text
    assert [text for text in shown.texts if re.fullmatch(r"1\.\d\.0", text)][:4]


def test_the_page_of_a_version_shows_all_that_its_manifest_says(catalogue, template):
    name = "tumours@v1.1.0:models/tumours/manifest.json"
    manifest = json.loads(looks.git(template, "show", name))
    text = page(catalogue, "models/tumours/1.1.0.html").text

    for words in (
        "tumours 1.1.0 production LogisticRegression for classification, registered 2026-01-23",
        "after 1.0.0 retrained with C = 0.05",
        "Intended use Triage of biopsies. A doctor decides.",
        "Limitations Not stated.",
        "field_recall 0.93 ticket A-17",
        'gms.load_model("tumours@1.1.0")',
        "gms get tumours@1.1.0",
        "columntransformer ColumnTransformer",
        "Only those changed from the defaults (2 of 37)",
        "logisticregression__C 0.05 yes",
        "mean radius float64",
        "Predicts target Task classification Classes 0 , 1",
        manifest["data"][0]["digest"],
        f"Python {manifest['environment']['python']}",
        f"scikit-learn {manifest['environment']['pins']['scikit-learn']}",
        *(one["sha256"] for one in manifest["artifacts"]),
        "tag tumours@v1.1.0 : not signed",
    ):
        assert words in text, words
    assert all(str(name) in text for name in manifest["pipeline"]["params"])


def test_the_data_of_a_comparison_has_every_value_of_the_manifest_by_its_name(catalogue):
    script = (catalogue / "models/tumours/1.3.0.js").read_text()
    model, version, facts = json.loads(re.fullmatch(r"compared\((.*)\);\n", script)[1])

    assert (model, version) == ("tumours", "1.3.0")
    assert facts["pipeline › params › logisticregression__C"] == 2.0
    assert facts["data › train › columns › mean radius › dtype"] == "float64"
    assert facts["features › site › dtype"] == "str"


def test_the_page_of_all_events_has_each_and_offers_them_as_files(catalogue, template):
    events = json.loads((catalogue / "events.json").read_bytes())["events"]
    rows = (catalogue / "events.csv").read_text("utf-8-sig").splitlines()
    shown = page(catalogue, "audit.html")

    assert len(events) == len(Store.open(template).log()) == len(rows) - 1
    assert len([of for tag, of in shown.tags if tag == "tr" and "data-kind" in of]) == len(events)
    assert {"events.csv", "events.json"} <= set(shown.attributes("href"))
    assert rows[0].startswith("when,model,version,kind,")
    assert "policy" not in rows[0]


def test_the_headline_is_what_the_gate_of_production_asks_for(store, tmp_path):
    settings = store.path / "modelstore.toml"
    gate = '\n[gates.production]\nmetrics = ["roc_auc >= 0.5"]\n'
    settings.write_text(settings.read_text() + gate)
    looks.git(store.path, "commit", "-qam", "Add a gate")

    store.site(tmp_path / "site")

    assert " roc_auc 1.1.0 annotated" in page(tmp_path / "site", "index.html").text


def test_signatures_and_approvals_are_named_as_the_list_of_signers_says(store, tmp_path, desk):
    desk.sit_down(desk.grace)
    signing, name = Store.open(store.path, durable=False), "models/progression/1.1.0.html"
    signing.approve("progression@1.1.0", "production", reason="looks right")
    signing.site(tmp_path / "site")
    before = page(tmp_path / "site", name).text
    desk.allow(desk.grace)
    Store.open(store.path).site(tmp_path / "site")
    after = page(tmp_path / "site", name).text

    assert "approval for production : not verified" in before
    assert "approval for production : signed by grace@example.org" in after
    assert "approved for production looks right" in after
    assert "signed by grace@example.org" in page(tmp_path / "site", "audit.html").text


@pytest.mark.long
def test_the_wheel_carries_what_the_pages_are_made_of(tmp_path):
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(pip, check=True, stdout=subprocess.PIPE)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith("gitmodelstore/pages/")}
    folder = ROOT / "gitmodelstore"
    here = {
        f"gitmodelstore/{path.relative_to(folder).as_posix()}"
        for path in (folder / "pages").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert inside == here
    assert len([name for name in here if name.endswith((".html", ".css", ".js"))]) >= 8


def test_an_empty_store_has_a_catalogue_that_says_so(tmp_path):
    Store.init(tmp_path / "store").site(tmp_path / "site")

    assert "The store has no models yet." in page(tmp_path / "site", "index.html").text


# Bytes, and what is written again.


def test_equal_commits_give_equal_bytes_however_the_store_came_here(template, catalogue, tmp_path):
    looks.git(tmp_path, "clone", "-q", "--bare", str(template), "clone.git")

    Store.open(tmp_path / "clone.git").site(tmp_path / "site")

    assert contents(tmp_path / "site") == contents(catalogue)


def test_only_what_changed_is_written_again_and_equals_what_a_new_folder_gets(store, tmp_path):
    site, new = tmp_path / "site", tmp_path / "new"
    first = store.site(site)
    again = store.site(site)
    before = contents(site)
    store.promote("progression@1.1.0", "production")
    third = store.site(site)
    store.site(new)
    changed = {name for name, data in contents(site).items() if before[name] != data}

    assert (again.written, again.unchanged) == (0, first.written)
    assert contents(site) == contents(new)
    assert changed - {LIST} == {
        "index.html", "compare.html", "audit.html", "events.csv", "events.json",
        "models/progression/index.html", "models/progression/1.1.0.html",
    }  # fmt: skip
    assert third.written == len(changed) - 1


def test_pages_of_what_is_gone_are_removed_and_nothing_else(store, tmp_path):
    store.site(tmp_path / "site")
    (tmp_path / "site/CNAME").write_text("models.example.org")
    looks.git(store.path, "tag", "-d", "progression@v1.0.0", "progression@v1.1.0")
    first = looks.git(store.path, "log", "--format=%H", "--grep=progression").split()[-1]
    looks.git(store.path, "reset", "-q", "--hard", f"{first}~1")

    done = Store.open(store.path).site(tmp_path / "site")

    assert done.removed == 5
    assert not (tmp_path / "site/models/progression").exists()
    assert (tmp_path / "site/CNAME").exists()


def test_a_page_that_somebody_removed_is_made_again(store, tmp_path):
    store.site(tmp_path / "site")
    (tmp_path / "site/models/tumours/1.0.0.html").unlink()

    assert store.site(tmp_path / "site").written == 1


@pytest.mark.parametrize("name", ["notes.txt", LIST])
def test_a_folder_with_other_files_is_refused(store, tmp_path, name):
    place = tmp_path / "site"
    place.mkdir()
    (place / name).write_text('{"schema": "1", "files": {"../store/registry.json": ""}}')

    with pytest.raises(CannotWrite) as caught:
        store.site(place)

    assert str(caught.value) == f"'{place}' has files that are not a catalogue"
    assert caught.value.hint == "name a new folder with -o DIR, or remove this one"
    assert [path.name for path in place.iterdir()] == [name]


def test_a_file_in_place_of_the_folder_is_refused(store, tmp_path):
    (tmp_path / "site").write_text("")

    with pytest.raises(CannotWrite, match="is not a folder"):
        store.site(tmp_path / "site")


def test_an_interrupted_run_is_completed_by_the_next(store, catalogue, tmp_path, monkeypatch):
    place, replace, left = tmp_path / "site", Path.replace, 9

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.site(place)
    monkeypatch.undo()
    assert 0 < len(contents(place)) < len(contents(catalogue))

    store.site(place)

    assert contents(place) == contents(catalogue)


@pytest.mark.long
def test_two_runs_at_once_leave_a_whole_catalogue(template, catalogue, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(Store.open(template).site, tmp_path / "site") for _ in range(4)]
    written = sorted(run.result().written for run in runs)

    assert contents(tmp_path / "site") == contents(catalogue)
    assert (written[0], written[-1]) == (0, len(contents(catalogue)) - 1)


# What cannot be read, and what is hostile.


@pytest.mark.filterwarnings("ignore::gitmodelstore.errors.UnreadWarning")
def test_a_version_that_is_not_as_released_is_named_each_time_and_shows_nothing(store, tmp_path):
    message = f"tumours 1.2.0\n\nManifest-SHA256: {'0' * 64}"
    looks.git(store.path, "tag", "-f", "-a", "tumours@v1.2.0", "-m", message,
              "tumours@v1.2.0^{commit}")  # fmt: skip

    for _ in range(2):
        made = store.site(tmp_path / "site")
        assert any("tumours 1.2.0" in fault for fault in made.faults)
    text = page(tmp_path / "site", "models/tumours/1.2.0.html").text
    assert "This version cannot be read" in text
    assert "logisticregression__C" not in text


@pytest.fixture(scope="session")
def hostile(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of a store with a version of attacks."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(template, folder / "store", symlinks=True)
    store = Store.open(folder / "store", durable=False)
    assert add_hostile(store) > 100
    assert Store.open(folder / "store").site(folder / "site").faults == ()
    return folder / "site"


def test_no_text_of_a_store_becomes_markup(hostile):
    pages = list(hostile.rglob("*.html"))
    own = {"static/site.js", "../../static/site.js"}
    for path in pages:
        shown = Page(path.read_bytes())
        for tag, attributes in shown.tags:
            assert tag not in ("style", "img", "iframe", "object", "embed", "form", "base"), path
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            if tag == "script":
                assert attributes.get("src") in own or attributes.get("type") == "application/json"
        for address in shown.attributes("href"):
            assert re.match(r"(https://|[a-z0-9#./])", address), address
            assert ":" not in address.removeprefix("https://"), address
    text = page(hostile, "models/progression/1.2.0.html").text
    for attack in ATTACKS:
        assert attack in text, attack


def test_what_nobody_sees_is_made_visible(hostile):
    for path in hostile.rglob("*"):
        if path.suffix in (".html", ".js"):
            data = path.read_text()
            assert not [
                sign for text in UNSEEN for sign in text if not sign.isprintable() and sign in data
            ]
    text = page(hostile, "models/progression/index.html").text
    assert r"\u202egpj.exe" in text
    assert r"a\u200bb" in text


def test_each_page_forbids_what_is_foreign(catalogue):
    for path in catalogue.rglob("*.html"):
        shown = Page(path.read_bytes())
        (policy,) = [of["content"] for tag, of in shown.tags if "http-equiv" in of]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        for address in [*shown.attributes("href"), *shown.attributes("src")]:
            target = address.partition("#")[0]
            assert not target or (path.parent / target).is_file(), (path, address)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/acme/churn.git", "https://github.com/acme/churn"),
        ("git@gitlab.com:acme/a/churn.git", "https://gitlab.com/acme/a/churn"),
        ("ssh://git@example.org:2222/acme/churn", "https://example.org/acme/churn"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org/x", None),
        ("https://user:secret@example.org/x", None),
        ("https://example.org/\u202ex", None),
        ("/srv/code", None),
        ("https://[bad", None),
        (None, None),
    ],
)
def test_only_addresses_of_the_web_become_links(url, address):
    assert web_address(url) == address


def test_a_commit_is_linked_where_the_host_is_known():
    assert commit_address("git@github.com:a/b", "c1") == "https://github.com/a/b/commit/c1"
    assert commit_address("https://gitlab.acme.org/a/b", "c1").endswith("/a/b/-/commit/c1")
    assert commit_address("https://example.org/a/b", "c1") is None
    assert commit_address("git@codeberg.org:a/b", "c1", "x y.py").endswith(
        "/src/commit/c1/x%20y.py"
    )


# The command.


def test_the_command_says_what_it_wrote(template, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["-C", str(template), "site"]) == 0
    first = capsys.readouterr()
    assert main(["-C", str(template), "site", "-o", "site"]) == 0
    assert first == ("site/index.html\n", "note: 22 files written, 0 unchanged\n")
    assert capsys.readouterr().err == "note: 0 files written, 22 unchanged\n"
    assert main(["-C", str(template), "site", "--serve", "x"]) == 2
    assert "'x' is not a port: --serve takes a number up to 65535" in capsys.readouterr().err


def test_it_loads_no_pipeline_and_opens_the_browser(template, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened\n')
    browser.chmod(0o755)
    code = (
        "import sys\nfrom gitmodelstore.cli.main import main\n"
        "main(['-q', '-C', sys.argv[1], 'site', '--open'])\n"
        "print({'sklearn', 'joblib', 'pandas', 'numpy'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(template)],
        cwd=tmp_path,
        env={**os.environ, "BROWSER": str(browser), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "set()"
    assert (tmp_path / "opened").read_text() == f"{(tmp_path / 'site/index.html').as_uri()}\n"


def test_it_serves_this_machine_alone_until_ctrl_c(template, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "gitmodelstore", "-C", str(template), "site", "--serve", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(2)]
    url = re.search(r"http://127\.0\.0\.1:[0-9]+/", lines[1])[0]
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - what the line above says
        assert b"<title>Models" in answer.read()
    foreign = urllib.request.Request(url, headers={"Host": "evil.example.org"})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign)  # noqa: S310
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0


def test_the_recipes_for_hosts_are_yaml_that_runs_the_command():
    text = (ROOT / "docs/hosts.md").read_text().split("## The catalogue")[1]
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    assert len(blocks) == 3
    for block in blocks:
        job = yaml.safe_load(block)
        assert "gms site -o public" in json.dumps(job.get("jobs", job))
