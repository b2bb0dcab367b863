"""Bundles on the Hugging Face Hub: sent in one commit, fetched and verified before they take their place."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from skintag.bundle.archive import TOTAL_LIMIT
from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import MANIFEST, Manifest
from skintag.bundle.place import replacing
from skintag.bundle.verify import verify
from skintag.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

README: Final = "README.md"
_USE: Final = (
    "skintag bundle pull repo=<this repository> out=bundle",
    "skintag bundle predict bundle=bundle 'images=photos/*.jpg'",
)
_KEPT: Final = (README, ".gitattributes")  # of a repository, beside the bundle's own files


@dataclass(frozen=True)
class Pushed:
    """Where a bundle was sent."""

    url: str
    """Of the repository."""
    revision: str
    """The commit: give it to `pull_bundle` to have exactly this bundle."""


def push_bundle(
    path: str | Path,
    repo: str,
    *,
    private: bool = True,
    message: str | None = None,
    api: HfApi | None = None,
) -> Pushed:
    """Send a bundle, verified first, to a model repository of the Hub, in one commit.

    The model card becomes the repository's `README.md`. Files of an earlier bundle that this one has not are
    removed. Asks for nothing: without a token it fails.

    Args:
        path: folder or zip.
        repo: `<user or organisation>/<name>`; made where it is not there.
        private: whether a repository that is made now is private.
        message: of the commit.
        api: another client than the default one with the token of the environment, e.g. for an own server.

    Raises:
        ConfigError: no token, or not a name of a repository.
        DataError: not a bundle that is whole, or the Hub refuses it or cannot be reached.
    """
    client = api or _client(needs_token=True)
    bundle = Bundle.load(path)
    manifest, folder = bundle.manifest, bundle.folder
    names = [MANIFEST, *(entry.path for entry in manifest.files)]
    card = readme(bundle).encode()
    with _said(repo, "a repository of the Hub that this token may write to"):
        client.create_repo(repo, private=private, exist_ok=True, repo_type="model")
        commit = client.create_commit(
            repo,
            operations=_operations(folder, names, card, _to_delete(client, repo, names)),
            commit_message=message or f"{manifest.name}: {manifest.model}, bundle {manifest.digest[:12]}",
            repo_type="model",
        )
    return Pushed(f"{client.endpoint}/{repo}", str(commit.oid))


def _operations(folder: Path, names: list[str], card: bytes, gone: list[str]) -> list[Any]:
    """What the commit does: the bundle's files, the model card as README, and those that go."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    return [
        *(CommitOperationAdd(name, folder / name) for name in names),
        CommitOperationAdd(README, card),
        *(CommitOperationDelete(name) for name in gone),
    ]


def _to_delete(client: HfApi, repo: str, names: list[str]) -> list[str]:
    """Files of an earlier bundle that this one has not. Raises ConfigError where they are no bundle's."""
    gone = sorted(set(client.list_repo_files(repo, repo_type="model")) - {*names, *_KEPT})
    if gone and not client.file_exists(repo, MANIFEST, repo_type="model"):
        raise ConfigError(
            f"repo={repo} holds {len(gone)} files that are no bundle's, e.g. {gone[0]}, and they would be "
            "deleted: name a new repository"
        )
    return gone


def pull_bundle(repo: str, out: str | Path, *, revision: str = "main", api: HfApi | None = None) -> Path:
    """Fetch the bundle of a repository into the folder `out`, verify it, and return the folder.

    Only what `bundle.json` lists is fetched, all of it from the one commit that `revision` means now. Where it is
    not whole, `out` stays as it was.

    Args:
        repo: `<user or organisation>/<name>`.
        out: a new folder, or that of a bundle, which is replaced.
        revision: branch, tag or commit; a commit pins the exact content.
        api: as `push_bundle`.

    Raises:
        ConfigError: `out` is there and is no bundle, or not a name of a repository.
        DataError: no such repository or revision, no bundle in it, or not what its manifest says.
    """
    client = api or _client(needs_token=False)
    target = Path(out)
    with tempfile.TemporaryDirectory(prefix="skintag_pull_") as cache, replacing(target) as part:
        with _said(repo, f"a repository of the Hub that can be read, with revision {revision!r}"):
            commit = str(client.repo_info(repo, revision=revision, repo_type="model").sha)
            _fetch(client, repo, MANIFEST, commit, cache, part)
        manifest = Manifest.read(part)
        if manifest.total_bytes > TOTAL_LIMIT:
            found = f"{manifest.total_bytes:,}"
            raise DataError(
                repo, expected=f"at most {TOTAL_LIMIT:,} bytes", found=found, fix="check the repository"
            )
        with _said(repo, f"the files that {MANIFEST} lists"):
            for entry in manifest.files:
                _fetch(client, repo, entry.path, commit, cache, part)
        verify(part, f"{repo} at {commit[:12]}")
    return target


def readme(bundle: Bundle) -> str:
    """The model card with the front matter that the Hub reads."""
    manifest = bundle.manifest
    matter: dict[str, Any] = {
        "library_name": "skintag",
        "pipeline_tag": "image-classification",
        "tags": ["skintag", "skin-lesion", "dermatology", "triage", manifest.runtime],
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in matter.items()]  # JSON is YAML
    return "\n".join(
        [
            *["---", *lines, "---", "", f"> {bundle.texts.disclaimer}", "", bundle.model_card.rstrip(), ""],
            *["## Use", "", "```", *_USE, "```", "", f"Bundle digest: `{manifest.digest}`.", ""],
        ]
    )


def _client(*, needs_token: bool) -> HfApi:
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None and needs_token:
        raise ConfigError(
            "no token of the Hugging Face Hub: set HF_TOKEN to one that may write, or log in beforehand (hf auth login)"
        )
    return HfApi(token=token or False)


def _fetch(client: HfApi, repo: str, name: str, commit: str, cache: str, part: Path) -> None:
    fetched = Path(client.hf_hub_download(repo, name, revision=commit, local_dir=cache, repo_type="model"))
    (part / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(fetched, part / name)


@contextmanager
def _said(repo: str, expected: str) -> Iterator[None]:
    """What goes wrong on the way to the Hub, in one readable message."""
    # its HTTPError is that of whatever client this version of the library uses
    from huggingface_hub.errors import HFValidationError, HTTPError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise ConfigError(f"repo={repo}: expected <user or organisation>/<name>; {error}") from error
    except (HTTPError, OSError, OfflineModeIsEnabled) as error:
        found = f"{type(error).__name__}: {str(error).strip()[:500]}"
        fix = "check the name, the revision, the network, and that HF_TOKEN may do this"
        raise DataError(f"repo={repo}", expected=expected, found=found, fix=fix) from error
