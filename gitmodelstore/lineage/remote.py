"""Where others find a training repository: the address of a remote, as it may be recorded."""

from __future__ import annotations

import re

from gitmodelstore.lineage import visible, without_credentials
from gitmodelstore.plumbing import checkout
from gitmodelstore.plumbing.checkout import Checkout

_NETWORK_URL = re.compile(r"(?:https?|ssh|git|git\+ssh|ssh\+git|ftps?)://.+", re.IGNORECASE)
_SCP_URL = re.compile(r"(?:[^/@:\s]+@)?[^/@:\s]{2,}:(?!//).+")


def settings_of(found: Checkout) -> dict[str, str]:
    """Return the repository's own configuration, as git reads it."""
    config: dict[str, str] = {}
    for key, value in checkout.settings(found):
        # The first url of a remote is the one that git fetches from; of the rest the last counts.
        if not (key.startswith("remote.") and key in config):
            config[key] = value
    return config


def address(config: dict[str, str], branch: str | None) -> str | None:
    """Return the address of origin, of the branch's remote, of any: the first others can reach."""
    wanted = ["remote.origin.url", f"remote.{config.get(f'branch.{branch}.remote')}.url"]
    wanted += [key for key in config if re.fullmatch(r"remote\..*\.url", key)]
    urls = (config[key] for key in wanted if key in config)
    return next((url for url in map(_recorded_url, urls) if url), None)


def _recorded_url(url: str) -> str | None:
    """Return `url` as it may be recorded; None for a folder of this machine."""
    if _NETWORK_URL.fullmatch(url):
        return visible(without_credentials(url).partition("?")[0].partition("#")[0])
    return visible(url) if _SCP_URL.fullmatch(url) and "::" not in url else None
