"""What a repository is told to ignore without a line in its history: .git/info/exclude."""

from __future__ import annotations

from gitmodelstore.plumbing.repository import Repository, writing


def exclude(repository: Repository, line: str) -> bool:
    """Have a repository ignore what a pattern fits; return False when it does so already.

    Raises:
        CannotWrite: the disk does not take it.
    """
    path = repository.common_dir / "info" / "exclude"
    with writing(path.parent):
        repository.sharing.make_folder(path.parent)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if line in text.splitlines():
            return False
        gap = "" if not text or text.endswith("\n") else "\n"
        was_there = path.exists()
        path.write_text(f"{text}{gap}{line}\n", encoding="utf-8")
        if not was_there:
            repository.sharing.adjust(path)
    return True
