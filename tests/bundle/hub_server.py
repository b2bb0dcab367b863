"""As much of the Hub's HTTP interface as sending and fetching a repository needs, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_stand_in"


class Hub(ThreadingHTTPServer):
    """Repositories: name -> commits, each a dict of files; `refs` names them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.private: dict[str, bool] = {}
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.head: dict[str, str] = {}
        self.messages: list[str] = []
        self.fetched: list[str] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def create(self, repo: str, private: bool) -> None:
        self.private[repo] = private
        self.commits[repo] = {}
        self.commit(repo, {".gitattributes": b"* text\n"})

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        named = json.dumps({n: hashlib.sha256(d).hexdigest() for n, d in sorted(files.items())})
        sha = hashlib.sha1(f"{len(self.commits[repo])} {named}".encode()).hexdigest()
        self.commits[repo][sha] = files
        self.head[repo] = sha
        return sha

    def files(self, repo: str) -> dict[str, bytes]:
        return self.commits[repo][self.head[repo]]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
        path = urlsplit(self.path).path
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._error(401, "Invalid username or password.")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        repo, action = path.removeprefix("/api/models/").rsplit("/", 1)[0].rsplit("/", 1)
        if action == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                for f in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        return self._commit(repo, body)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"))
        repo, _, rest = path.strip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        files = self._files(repo, revision)
        if files is None or name not in files:
            return self._error(404, "Entry not found", "EntryNotFound" if files else "RepoNotFound")
        if self.command == "GET":
            self.server.fetched.append(name)
        digest = hashlib.sha256(files[name]).hexdigest()
        return self._send(
            200, files[name], {"ETag": f'"{digest}"', "X-Repo-Commit": self._sha(repo, revision)}
        )

    do_HEAD = do_GET

    def _create(self, asked: dict) -> None:
        repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        if repo in self.server.commits:
            return self._json({"error": "exists", "url": f"{self.server.endpoint}/{repo}"}, 409)
        private = asked.get("private") or asked.get("visibility") == "private"
        self.server.create(repo, bool(private))
        return self._json({"url": f"{self.server.endpoint}/{repo}", "name": repo})

    def _commit(self, repo: str, body: bytes) -> None:
        files = dict(self.server.files(repo))
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                self.server.messages.append(value["summary"])
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        sha = self.server.commit(repo, files)
        self._json(
            {"success": True, "commitOid": sha, "commitUrl": f"{self.server.endpoint}/{repo}/commit/{sha}"}
        )

    def _api(self, rest: str) -> None:
        repo, action, revision = rest, "", "main"
        for known in ("/revision/", "/tree/"):
            if known in rest:
                repo, _, revision = rest.partition(known)
                action = known
        files = self._files(repo, revision)
        if files is None:
            return self._error(
                404, "Not found", "RevisionNotFound" if repo in self.server.commits else "RepoNotFound"
            )
        if action == "/tree/":
            oid = "0" * 40
            return self._json(
                [{"type": "file", "path": n, "size": len(d), "oid": oid} for n, d in files.items()]
            )
        return self._json(
            {"id": repo, "sha": self._sha(repo, revision), "siblings": [{"rfilename": n} for n in files]}
        )

    def _sha(self, repo: str, revision: str) -> str:
        return self.server.head[repo] if revision == "main" else revision

    def _files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        if repo not in self.server.commits:
            return None
        if self.server.private[repo] and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return None
        return self.server.commits[repo].get(self._sha(repo, revision))

    def _chunks(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, message: str, code: str = "") -> None:
        self._send(
            status,
            json.dumps({"error": message}).encode(),
            {"X-Error-Code": code, "X-Error-Message": message},
        )

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def serving() -> Iterator[Hub]:
    """A stand-in that answers until the block ends."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
