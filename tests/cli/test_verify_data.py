"""`gms verify --data`, and the meter of long reading."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import sys

import pandas as pd
import pytest
from sklearn.datasets import load_wine

from gitmodelstore.cli.session import Meter, Screen, Session

NAMES = ["alcohol", "malic_acid", "target"]


@pytest.fixture
def wine(place, gms) -> pd.DataFrame:
    """wine 1.0.0 was made with train.csv and test.parquet, which lie in the working directory."""
    table = load_wine(as_frame=True).frame[NAMES]
    table.iloc[::2].to_csv("train_v2.csv", index=False)
    table.iloc[1::2].to_parquet("test.parquet")
    data = ["--data", "train=train_v2.csv", "--data", "test=test.parquet"]
    assert gms("register", "wine", "first.joblib", *data, "--no-code").code == 0
    assert gms("promote", "wine@latest", "production").code == 0
    return table.iloc[::2]


def short(text: str) -> str:
    return re.sub(r"(sha256):[0-9a-f]{12}", r"\1:…", text)


# The exit code, what is typed, and what is said of it.
WRONG = """
1 --data wine first.joblib => wine 1.0.0 records 'train' and 'test', and this is none of them
1 --data wine gone.csv --role train => no file or folder 'gone.csv'
1 --data wine test.parquet --role tests => wine 1.0.0 records no data set 'tests'
1 --data wine models --role train => data set 'train' is recorded by the bytes of a file: 'models' \
is of a different kind
1 --data fraud@staging train.csv => fraud 1.0.0 records no data
1 --data win train.csv => no model 'win'
1 --data wine s3://key:secret@bucket/x.csv --role train => cannot read 's3://bucket/x.csv'
2 --data wine => missing argument 'PATH'
2 --data => missing argument 'REF'
2 wine train.csv => a PATH or --role needs --data
2 wine --role train => a PATH or --role needs --data
2 --data wine train.csv --replay => --data works only with --role
2 --data --all => --data works only with --role
2 --data churn no.csv --parse-dates day => --data works only with --role
"""


@pytest.mark.usefixtures("wine")
class TestData:
    def test_the_same_data(self, gms):
        for name, role in (("train_v2.csv", "train"), ("test.parquet", "test")):
            for words in (("--data", "wine", name), ("wine", "--data", name)):
                found = gms("verify", *words)
                assert (short(found.stdout), found.stderr, found.code) == (
                    f"wine 1.0.0  {role} data same\n  sha256:…\n",
                    "",
                    0,
                )

    def test_what_differs_is_listed_and_exits_with_1(self, gms, wine):
        other = wine.drop(columns="malic_acid").assign(colour="red")
        other.loc[0, "alcohol"] = float("nan")
        other["target"] = other["target"].astype(float)
        other.iloc[:80].to_csv("train_v2.csv", index=False)

        found = gms("verify", "--data", "wine", "train_v2.csv", "--role", "train")

        assert (found.stderr, found.code) == ("", 1)
        assert short(found.stdout).splitlines() == [
            "wine 1.0.0  train data different",
            "  sha256:…, recorded sha256:…",
            "  rows: recorded 89, now 80",
            "  column 'alcohol': missing recorded 0, now 1; mean recorded 13.03, now 13; "
            "std recorded 0.8438, now 0.8585; p25 recorded 12.29, now 12.25; 2 more",
            "  column 'malic_acid': recorded float64, now missing",
            "  column 'target': type recorded int64, now float64; "
            "mean recorded 0.9326, now 0.8125; std recorded 0.7804, now 0.7308; "
            "p75 recorded 2, now 1",
            "  column 'colour': not recorded, now str",
        ]

    def test_what_no_profile_tells(self, gms, wine):
        wine.iloc[::-1].to_csv("train_v2.csv", index=False)

        found = gms("verify", "--data", "wine", "train_v2.csv", "--role", "train")

        assert short(found.stdout).splitlines()[1:] == [
            "  sha256:…, recorded sha256:…",
            "  rows, columns and their profiles agree: a few values or their order differ",
        ]
        assert found.code == 1

    def test_the_json_document(self, gms, wine):
        wine.assign(colour="red").to_csv("train_v2.csv", index=False)

        found = gms("--json", "verify", "--data", "wine", "train_v2.csv", "--role", "train")
        document = json.loads(found.stdout)

        assert found.code == 1
        assert document["recorded"]["uri"] == "train_v2.csv"
        assert (document["recorded"]["rows"], document["present"]["rows"]) == (89, 89)
        assert document["differences"] == [
            {"what": "added", "column": "colour", "key": None, "recorded": None, "present": "str"}
        ]
        assert document["why"] is None

    @pytest.mark.parametrize("line", WRONG.strip().splitlines())
    def test_what_is_wrong_is_said(self, gms, line):
        code, words, message = line.split(None, 1)[0], *line[2:].split(" => ")
        found = gms("verify", *words.split())

        assert found.stderr.splitlines()[0] == f"error: {message}"
        assert (found.stdout, found.code) == ("", int(code))


def test_registering_says_why_columns_are_left_out(gms, place):
    (place / "people.csv").write_text("Ada,Paris\nAlan,London\n")

    found = gms("register", "wine", "first.joblib", "--data", "train=people.csv", "--no-code")

    assert found.code == 0
    assert (
        "note: no columns were recorded for 'people.csv': "
        "its first line may be values instead of names"
    ) in found.stderr.splitlines()


class TestMeter:
    """It is told of a file of a gigabyte; the clock of the test says how long that takes."""

    @pytest.fixture
    def clock(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("gitmodelstore.cli.session.time.monotonic", lambda: now[0])
        return now

    @pytest.fixture
    def terminal(self, monkeypatch):
        """Makes stderr a terminal from the first call on, and reads what was printed there."""
        master, slave = pty.openpty()
        stream = os.fdopen(slave, "w")

        def read() -> str:
            monkeypatch.setattr(sys, "stderr", Screen(stream))
            stream.flush()
            said = b""
            while select.select([master], [], [], 0.1)[0]:  # the kernel passes it on in pieces
                said += os.read(master, 65536)
            return said.decode()

        yield read
        monkeypatch.undo()
        stream.close()
        os.close(master)

    def read(self, meter: Meter, clock: list[float], seconds: float) -> None:
        for step in range(1, 11):
            clock[0] = seconds * step / 10
            meter("data/train.npy", step * 10**8, 10**9)

    def test_a_line_grows_and_ends(self, clock, terminal):
        assert terminal() == ""
        meter = Meter(Session())
        meter("data/train.npy", 0, 10**9)
        self.read(meter, clock, 4.0)

        lines = terminal().split("\r")
        assert lines[1] == "Reading data/train.npy:  30% (300.0 MB/1.0 GB), 250.0 MB/s"
        assert lines[-2] == "Reading data/train.npy: 100% (1.0 GB/1.0 GB), 250.0 MB/s, done."
        assert lines[-1] == "\n"

    def test_what_is_quick_or_quiet_shows_nothing(self, clock, terminal):
        assert terminal() == ""
        quiet = Session()
        quiet.quiet = True
        self.read(Meter(Session()), clock, 0.9)
        self.read(Meter(quiet), clock, 9.0)

        assert terminal() == ""

    def test_what_is_no_terminal_shows_nothing(self, clock, monkeypatch):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        self.read(Meter(Session()), clock, 9.0)

        assert sys.stderr.getvalue() == ""

    def test_a_note_and_an_error_begin_on_a_line_of_their_own(self, clock, terminal):
        assert terminal() == ""
        session = Session()
        session.meter("x", 1, 10)
        clock[0] = 2.0
        session.meter("x", 5, 10)
        session.note("said")

        assert terminal().split("\r")[1:] == [
            "Reading x:  50% (5 bytes/10 bytes), 2 bytes/s",
            "\nnote: said",
            "\n",
        ]

        def fails() -> None:
            with session.meter:
                session.meter("x", 1, 10)
                clock[0] = 4.0
                session.meter("x", 5, 10)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fails()
        assert terminal().endswith("2 bytes/s\r\n")
