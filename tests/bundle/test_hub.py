"""To a stand-in of the Hub and back: one commit, private, and nothing that was changed on the way is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from omegaconf import OmegaConf

from skintag.bundle import Bundle
from skintag.bundle.hub import pull_bundle, push_bundle
from skintag.bundle.manifest import Manifest
from skintag.core.errors import ConfigError, DataError
from tests.bundle.hub_server import TOKEN, Hub, serving
from tests.bundle.pictures import photo

REPO = "someone/triage"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with serving() as server:
        yield server


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=TOKEN)


def test_there_and_back_it_is_the_same_bundle(
    bundle_folder: Path, hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    pushed = push_bundle(bundle_folder, REPO, api=api)
    assert pushed.revision == hub.head[REPO]
    assert hub.private[REPO] is True
    pulled = pull_bundle(REPO, tmp_path / "pulled", api=api)
    assert Manifest.read(pulled) == Manifest.read(bundle_folder)
    assert Bundle.load(pulled).predict([photo()]) == Bundle.load(bundle_folder).predict([photo()])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pulled"], "something was left behind"
    assert not (pulled / "README.md").exists()


def test_readme_is_the_model_card_with_front_matter(bundle_folder: Path, hub: Hub, api: HfApi) -> None:
    push_bundle(bundle_folder.with_name("bundle.zip"), REPO, private=False, api=api)
    text = hub.files(REPO)["README.md"].decode()
    _, matter, body = text.split("---\n", 2)
    values = OmegaConf.to_container(OmegaConf.create(matter))
    assert isinstance(values, dict)
    assert values["library_name"] == "skintag"
    assert "screening aid, not a diagnosis" in body
    assert (bundle_folder / "model_card.md").read_text().strip() in body
    assert Manifest.read(bundle_folder).digest in body
    assert hub.private[REPO] is False


def test_second_push_takes_away_what_is_no_longer_there(bundle_folder: Path, hub: Hub, api: HfApi) -> None:
    hub.create(REPO, private=True)
    hub.commit(REPO, {".gitattributes": b"x", "old/model.onnx": b"x", "bundle.json": b"{}"})
    push_bundle(bundle_folder, REPO, message="second", api=api)
    names = {entry.path for entry in Manifest.read(bundle_folder).files}
    assert set(hub.files(REPO)) == {*names, "bundle.json", "README.md", ".gitattributes"}
    assert hub.messages == ["second"]


def test_pinned_revision_stays_what_it_was(bundle_folder: Path, hub: Hub, api: HfApi, tmp_path: Path) -> None:
    first = push_bundle(bundle_folder, REPO, api=api)
    hub.commit(REPO, {**hub.files(REPO), "bundle.json": b"{}"})
    pulled = pull_bundle(REPO, tmp_path / "pinned", revision=first.revision, api=api)
    assert Manifest.read(pulled) == Manifest.read(bundle_folder)
    with pytest.raises(DataError, match=r"bundle\.json"):
        pull_bundle(REPO, tmp_path / "main", api=api)


def test_file_changed_on_the_hub_is_refused_and_what_was_there_stays(
    bundle_folder: Path, hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    push_bundle(bundle_folder, REPO, api=api)
    there = Path(shutil.copytree(bundle_folder, tmp_path / "there"))
    text = hub.files(REPO)["texts.json"]
    hub.commit(REPO, {**hub.files(REPO), "texts.json": text.replace(b"Low", b"Hig")})
    with pytest.raises(DataError, match=r"texts\.json"):
        pull_bundle(REPO, there, api=api)
    assert Manifest.read(there) == Manifest.read(bundle_folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there"]


def test_newer_bundle_is_refused_before_anything_else_is_fetched(
    hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    hub.create(REPO, private=False)
    newer = json.dumps({"kind": "skintag bundle", "format_version": 99}).encode()
    hub.commit(REPO, {"bundle.json": newer, "weights": b"x"})
    with pytest.raises(DataError, match="newer SkinTag"):
        pull_bundle(REPO, tmp_path / "out", api=api)
    assert hub.fetched == ["bundle.json"]


def test_file_that_is_not_listed_is_not_fetched(
    bundle_folder: Path, hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    push_bundle(bundle_folder, REPO, api=api)
    hub.commit(REPO, {**hub.files(REPO), "weights.pkl": b"x"})
    pull_bundle(REPO, tmp_path / "out", api=api)
    assert "weights.pkl" not in hub.fetched


def test_push_without_a_token_says_so_and_asks_for_nothing(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ConfigError, match="HF_TOKEN"):
        push_bundle(bundle_folder, REPO)


@pytest.mark.parametrize("token", [False, "hf_wrong"])
def test_private_repository_without_the_right_token_is_refused(
    bundle_folder: Path, hub: Hub, api: HfApi, tmp_path: Path, token: str | bool
) -> None:
    push_bundle(bundle_folder, REPO, api=api)
    stranger = HfApi(endpoint=hub.endpoint, token=token)
    with pytest.raises(DataError, match="can be read"):
        pull_bundle(REPO, tmp_path / "out", api=stranger)
    with pytest.raises(DataError, match="may write to"):
        push_bundle(bundle_folder, REPO, api=stranger)


@pytest.mark.parametrize(("repo", "revision"), [("someone/else", "main"), (REPO, "v9")])
def test_repository_or_revision_that_does_not_exist(
    hub: Hub, api: HfApi, tmp_path: Path, repo: str, revision: str
) -> None:
    hub.create(REPO, private=False)
    with pytest.raises(DataError, match=repo):
        pull_bundle(repo, tmp_path / "out", revision=revision, api=api)


def test_name_that_is_none_is_a_mistake_of_the_command(api: HfApi, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="<user or organisation>/<name>"):
        pull_bundle("not a/repo/name", tmp_path / "out", api=api)


def test_hub_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    with serving() as gone:
        endpoint = gone.endpoint
    with pytest.raises(DataError, match="the network"):
        pull_bundle(REPO, tmp_path / "out", api=HfApi(endpoint=endpoint, token=False))
