"""registry.json made anew, where it is broken or lost versions."""

from __future__ import annotations

from gitmodelstore.operations.past import Past
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import REGISTRY


def rebuild(repository: Repository, writer: Writer) -> tuple[str, ...]:
    """Rebuild registry.json from history, manifests and tags, in one commit of the branch.

    The last one along first parents that can be read counts; what it lost since comes
    back as `Past.rebuilt` says. A store whose registry is sound is left alone.

    Returns:
        What was done, a line each.

    Raises:
        StoreError: as in `publish`: the judge refuses the result, or uncommitted work is
            in the way; nothing was changed.
    """
    done: list[str] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        done.clear()
        with CatFile(repository.common_dir, inherit=False) as objects:
            past = Past(objects, snapshot.commit.oid)
            broken = past.fault_of_registry is not None
            if not broken and not past.lost:
                return None
            back = [
                f"{one} is back in {REGISTRY} as {past.rebuilt.status(one.model, one.version)}"
                for one in past.lost
            ]
        if broken:
            done.append(f"rebuilt {REGISTRY} from the history")
        done.extend(back)
        message = f"rebuild {REGISTRY}\n\n" + "\n".join(back)
        return Draft(message.strip() + "\n", past.rebuilt)

    publish(repository, writer, draft, broken=True)
    return tuple(done)
