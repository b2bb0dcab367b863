"""What is deployed agrees with what is served: settings, containers, the cluster, workflows, and the tunnel."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from skintag.serving.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def manifests() -> dict[str, dict[str, Any]]:
    """Kind -> object."""
    return {
        each["kind"]: each for each in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    }


def container() -> dict[str, Any]:
    return manifests()["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_the_table_of_settings_is_the_settings() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| (.+) \|$", text, re.M)
    assert [name for name, _, _ in rows] == list(Settings.model_fields)
    for name, default, what in rows:
        field = Settings.model_fields[name]
        assert what == field.description, name
        assert default == ("" if field.default in (None, "", ()) else str(field.default)), name


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_an_image_runs_as_nobody_in_particular_and_pins_what_it_begins_from(name: str) -> None:
    text = (ROOT / name).read_text()
    last = text[text.rindex("\nFROM ") :]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert "/api/ready" in last
    assert "curl" not in last
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.M)
    assert len(images) == 2
    assert all(
        re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-slim-\w+|node:\d+\.\d+\.\d+-\w+-slim", image) for image in images
    )
    assert not re.search(r"^FROM (?!\$\{)", text, re.M)
    for setting in re.findall(r"SKINTAG_SERVE_(\w+)=", text):
        assert setting.lower() in Settings.model_fields


def test_the_list_with_hashes_is_of_the_lean_list() -> None:
    done = subprocess.run(
        [sys.executable, ".ci/hashed.py", "requirements/serve.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lean = re.findall(
        r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "requirements" / "serve.txt").read_text(), re.M
    )
    found = {
        (re.sub(r"[-_.]+", "-", name).lower(), version)
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", done.stdout, re.M)
    }
    assert found == {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in lean}
    assert done.stdout.count("--hash=sha256:") >= len(found)


def test_the_cluster_asks_what_the_server_answers() -> None:
    spec = container()
    assert (
        spec["startupProbe"]["httpGet"]["path"] == spec["readinessProbe"]["httpGet"]["path"] == "/api/ready"
    )
    assert spec["livenessProbe"]["httpGet"]["path"] == "/api/health"
    for given in spec["env"]:
        assert given["name"].removeprefix("SKINTAG_SERVE_").lower() in Settings.model_fields
    values = {each["name"]: each.get("value") for each in spec["env"]}
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    ending = sum(float(values[f"SKINTAG_SERVE_{name}"]) for name in ("DRAIN", "SHUTDOWN_TIMEOUT"))
    assert pod["terminationGracePeriodSeconds"] > ending
    metric = manifests()["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]
    assert f'"{metric["metric"]["name"]}"' in (ROOT / "skintag" / "serving" / "metrics.py").read_text()
    assert float(metric["target"]["averageValue"]) < float(values["SKINTAG_SERVE_QUEUE"])


def test_the_cluster_gives_no_more_rights_than_are_needed() -> None:
    pod, spec = manifests()["Deployment"]["spec"]["template"]["spec"], container()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert spec["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= spec["resources"]["limits"].keys() & spec["resources"]["requests"].keys()
    assert all(mount.get("readOnly") for mount in spec["volumeMounts"] if mount["name"] == "bundle")
    label = {"app.kubernetes.io/name": "skintag"}
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert manifests()[kind]["spec"]["selector"]["matchLabels"] == label
    assert manifests()["Service"]["spec"]["selector"] == label
    assert manifests()["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == label


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_and_has_no_more_rights_than_it_needs(path: Path) -> None:
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360
        assert all("${{" not in step.get("run", "").replace("${{ steps.demo", "") for step in job["steps"])


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_tunnel_starts_again_whatever_ends(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "ready").touch()
    note = f'echo "$$" >> {tmp_path}'
    server = program(
        tmp_path / "skintag",
        f"#!/bin/sh\n{note}/servers\n"
        f"exec {sys.executable} -m http.server {port} -b 127.0.0.1 -d {tmp_path} 2> /dev/null\n",
    )
    tunnel = program(
        tmp_path / "cloudflared",
        f'#!/bin/sh\n{note}/tunnels\necho "INF https://a-$$.trycloudflare.com"\nexec sleep 600\n',
    )
    summary = tmp_path / "summary"
    environment = {
        **os.environ, "PORT": str(port), "PAUSE": "0.2", "SECONDS_FOR_TESTS": "60", "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    command = [str(ROOT / "deploy" / "tunnel.sh"), "5", str(tunnel), str(server)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def told(n: int) -> bool:
        return summary.is_file() and len(summary.read_text().splitlines()) >= n

    try:
        until(lambda: told(1))
        for name in ("tunnels", "servers"):
            os.kill(int(started(tmp_path / name, 1)[0]), signal.SIGKILL)
            started(tmp_path / name, 2)
        until(lambda: told(2))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    for name in ("tunnels", "servers"):
        for number in (tmp_path / name).read_text().split():
            assert not Path("/proc", number).exists() or "Z" in Path("/proc", number, "status").read_text()
    addresses = re.findall(r"<(https://a-\d+\.trycloudflare\.com)>", summary.read_text())
    assert len(set(addresses)) == len(addresses) >= 2


def started(path: Path, n: int) -> list[str]:
    """Numbers of the processes, once there are n."""
    until(lambda: path.is_file() and len(path.read_text().split()) >= n)
    return path.read_text().split()


def until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("minutes", ["", "4", "301", "1e2", "$(true)"])
def test_the_tunnel_takes_whole_minutes_within_bounds(minutes: str) -> None:
    done = subprocess.run(
        [str(ROOT / "deploy" / "tunnel.sh"), minutes], capture_output=True, text=True, timeout=20
    )
    assert done.returncode in (1, 2)
    assert "minutes" in done.stderr
