"""What a script that is refused shows: where it called, our word for it, and no page of frames."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

import joblib
import pytest

from . import children

MOST_LINES = 30
CALLS = {  # what is called: how its last lines begin
    "gms.load_model('foreign@1.0.0', store='store')": "gitmodelstore.errors.RefusedPickle",
    "store.load('foreign@latest')": "gitmodelstore.errors.RefusedPickle",
    "store.diff('churn@1.0.0', Path('stolen.joblib'))": "gitmodelstore.errors.RefusedPickle",
    "store.register('stolen.joblib', 'churn')": "gitmodelstore.errors.RefusedPickle",
    "store.register('notes.txt', 'churn')": "gitmodelstore.errors.NotAPipeline",
    "store.register('cut.joblib', 'churn')": "gitmodelstore.errors.",
    "store.register('absent.joblib', 'churn')": "gitmodelstore.errors.NotAPipeline",
    "store.register(unfitted, 'churn')": "gitmodelstore.errors.UnfittedPipeline",
    "store.register(with_lambda, 'churn')": "gitmodelstore.errors.UnportablePipeline",
    "store.register(fitted, 'churn', version='1.0.0')": "gitmodelstore.errors.VersionExists",
    "store.register(fitted, 'churn', version='one')": "gitmodelstore.errors.InvalidVersion",
    "store.register(fitted, 'No Name')": "gitmodelstore.errors.InvalidName",
    "store.register(fitted, 'churn', metrics={'auc': 'high'})": "gitmodelstore.errors.",
    "store.register(fitted, 'churn', test='absent.csv', target='y')": "gitmodelstore.errors.",
    "store.register(fitted, 'churn', data={'train': 'absent.csv'})": "gitmodelstore.errors.",
    "store.register(fitted, 'churn', X_test=[['a']])": "gitmodelstore.errors.",
    "store.load('churn@1..0')": "gitmodelstore.errors.InvalidReference",
    "store.load('chrun')": "gitmodelstore.errors.ModelNotFound",
    "store.which('churn', at='yesterday')": "gitmodelstore.errors.InvalidReference",
    "store.search('metrics.auc >')": "gitmodelstore.errors.InvalidQuery",
    "store.promote('churn@1.0.0', 'life')": "gitmodelstore.errors.LifecycleError",
    "gms.Store.open('nowhere')": "gitmodelstore.errors.NotAStore",
    "gms.load_model('folder/')": "gitmodelstore.errors.NotAStore",
    "gms.load_model('tampered/')": "gitmodelstore.errors.IntegrityError",
    "damaged.load('churn@1.0.0')": "gitmodelstore.errors.",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, fitted: object) -> Mapping[str, list[str]]:
    """The lines of each traceback, all from one process."""
    place = tmp_path_factory.mktemp("script")
    program = f"""
        import json, subprocess, sys, traceback
        from pathlib import Path

        import joblib
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        import gitmodelstore as gms
        from features import Mine

        subprocess.run(["git", "init", "-q", "."], check=True)
        class Stolen:
            def __reduce__(self):
                import os
                return os.system, ("echo run",)

        fitted = joblib.load("fitted.joblib")
        unfitted = make_pipeline(StandardScaler(), LogisticRegression())
        with_lambda = make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression())
        with_lambda.fit([[1], [2]], [0, 1])
        joblib.dump(make_pipeline(Stolen()), "stolen.joblib")
        Path("notes.txt").write_text("no pipeline\\n")
        Path("cut.joblib").write_bytes(Path("fitted.joblib").read_bytes()[:-200])
        store = gms.Store.init("store", notify=str)
        store.register(fitted, "churn", code=None)
        store.register(make_pipeline(Mine()).fit([[1], [2]]), "foreign", code=None)
        store.download("churn@1.0.0", "tampered")
        with open("tampered/pipeline.joblib", "ab") as file:
            file.write(b"x")
        subprocess.run(["git", "clone", "-q", "store", "damaged"], check=True)
        name = "models/churn/pipeline.joblib"
        asked = ["git", "-C", "damaged", "rev-parse", f"main:{{name}}"]
        oid = subprocess.check_output(asked, text=True)
        held = Path("damaged/.git/objects") / oid[:2] / oid[2:].strip()
        held.chmod(0o600)
        held.write_bytes(held.read_bytes()[:50])
        damaged = gms.Store.open("damaged")

        told = {{}}
        for call in {list(CALLS)}:
            try:
                exec(call)
            except Exception:
                told[call] = traceback.format_exc().splitlines()
        print(json.dumps(told))
    """
    (place / "features.py").write_text(
        "from sklearn.preprocessing import StandardScaler\nclass Mine(StandardScaler):\n    pass\n"
    )
    joblib.dump(fitted, place / "fitted.joblib")
    (place / "script.py").write_text(textwrap.dedent(program))
    done = children.python("script.py", cwd=place)
    assert done.returncode == 0, done.stderr
    told: Mapping[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("call", CALLS)
def test_a_refusal_is_a_short_traceback(said: Mapping[str, list[str]], call: str) -> None:
    lines = said[call]
    lines.remove('  File "<string>", line 1, in <module>')  # of `exec`, which no script has
    assert len(lines) < MOST_LINES, "\n".join(lines)
    assert sum(line.startswith("Traceback") for line in lines) == 1, "\n".join(lines)
    assert any(line.startswith(CALLS[call]) for line in lines[-4:]), "\n".join(lines)
