"""Model folders on a hub that speaks Hugging Face's protocol: `hf:owner/name[@revision]`.

Only cards and weights are fetched: JSON and safetensors, never a pickle, never code. What is
fetched lies in the hub's own cache and is found there without a network. `HF_ENDPOINT` names
another server, `HF_HUB_OFFLINE=1` keeps to the cache, `HF_TOKEN` opens private repositories, and
`HTTPS_PROXY` is heeded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from crosslevel.errors import InputError, RunError

SCHEME = "hf:"
FETCHED = ("*.json", "*.safetensors", "README.md")
"""Names of files that are fetched and pushed; all others stay where they are."""
_NAME = r"[A-Za-z0-9][\w.\-]*"
_ADDRESS = re.compile(rf"{SCHEME}({_NAME}/{_NAME})(?:@([\w.\-/]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository on the hub.

    Attributes:
        repository: "owner/name".
        revision: A branch, a tag or a commit; None for the newest.

    Example:
        >>> Address.parse("hf:clinic/polyps@v1")
        Address(repository='clinic/polyps', revision='v1')
        >>> str(Address("clinic/polyps", None))
        'hf:clinic/polyps'
    """

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read it.

        Raises:
            InputError: If it is not of that form.
        """
        match = _ADDRESS.fullmatch(text)
        if not match:
            raise InputError(
                f"{text!r} is not an address on the hub: it must be hf:owner/name, or "
                "hf:owner/name@revision for a branch, a tag or a commit."
            )
        return cls(match[1], match[2])

    @property
    def is_pinned(self) -> bool:
        """True if it names a commit, whose files never change."""
        return bool(self.revision and _COMMIT.fullmatch(self.revision))

    def __str__(self) -> str:
        """As a user writes it."""
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_address(run: str | Path) -> bool:
    """Return whether a model is asked for that lies on a hub."""
    return _text(run).startswith(SCHEME)


def refuse_address(run: str | Path) -> None:
    """Refuse a model on a hub where more than a model is needed.

    Raises:
        InputError: If it is an address.
    """
    if is_address(run):
        raise InputError(
            f"{_text(run)} is a model on a hub, without the split, log and scores of its run: name "
            "a folder on this machine here. A model alone is enough for predict, evaluate, export, "
            "adapt, serve, annotate and rank."
        )


def fetch(run: str | Path) -> Path:
    """Return the local folder of a model on the hub, fetched now if it is not there yet.

    The folder's name is the commit.

    Raises:
        InputError: If the address, the repository or its revision is not there or not open to
            this user, or the extra `hub` is missing.
        RunError: If the hub could not be reached and the cache does not have it.
    """
    address = Address.parse(_text(run))
    hub = _library()
    with _explained(address):
        return Path(
            hub.snapshot_download(
                address.repository,
                revision=address.revision,
                allow_patterns=list(FETCHED),
                endpoint=_server(),
            )
        )


def push(folder: Path, address: Address, *, card: str, is_private: bool) -> Address:
    """Put a model folder on the hub as one commit, and return its pinned address.

    Args:
        folder: The model folder; files in folders inside it stay here.
        address: Where to; made if it does not exist. A revision must be a branch that exists.
        card: Text of `README.md`.
        is_private: A repository that is made now is for its owner alone.

    Raises:
        InputError: If the repository is not open to this user, or the extra `hub` is missing.
        RunError: If the hub could not be reached.
    """
    hub = _library()
    files = sorted(path for name in FETCHED for path in folder.glob(name))
    added = [hub.CommitOperationAdd(path.name, path) for path in files if path.name != "README.md"]
    added.append(hub.CommitOperationAdd("README.md", card.encode()))
    with _explained(address):
        api = hub.HfApi(endpoint=_server())
        api.create_repo(address.repository, private=is_private, exist_ok=True)
        done = api.create_commit(
            address.repository,
            added,
            commit_message="Model of Crosslevel",
            revision=address.revision,
        )
    return Address(address.repository, done.oid)


def _text(run: str | Path) -> str:
    return str(run).replace("\\", "/")  # a Path of Windows


def _server() -> str | None:
    """Return the hub's address; None for that of Hugging Face."""
    return os.environ.get("HF_ENDPOINT") or None


def _library() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise InputError(
            "Models on the hub need the extra `hub`: pip install 'crosslevel[hub]'."
        ) from error
    return huggingface_hub


@contextmanager
def _explained(address: Address) -> Iterator[None]:
    """Say what to do about what the hub's library raises."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        raise InputError(
            f"{address}: there is no such repository, or it is not open to you. Check its name; "
            "for a private one set HF_TOKEN to a token of yours."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{address}: the repository has no such revision.") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise RunError(
            f"{address} is not in the cache, and the hub cannot be reached. Check the network (or "
            "unset HF_HUB_OFFLINE), or fetch the model folder by other means and give its path."
        ) from error
    except errors.HfHubHTTPError as error:
        raise RunError(f"{address}: the hub refused: {error}") from error
    except OSError as error:
        raise RunError(f"{address}: the hub could not be reached: {error}") from error
