"""`skintag space bundle=<path>`: a Gradio app over a bundle, for a Hugging Face Space or a colleague's look.

It asks the engine that the API asks, and has no logic of its own. A photograph lies in a folder in memory, where the
system has one, from its upload until it has been looked at; nothing of it is kept, logged or sent anywhere.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from skintag.core.errors import ConfigError, ImageError
from skintag.serving import cards
from skintag.serving.engine import Engine
from skintag.serving.pictures import Picture
from skintag.serving.problems import Problem
from skintag.serving.settings import Settings, parse, settings_from

if TYPE_CHECKING:
    import gradio

USED: Final = ("bundle", "host", "port", "threads", "device", "max_image_bytes", "max_pixels", "queue")
"""Settings of the server that mean something here."""
STYLE: Final = Path(__file__).with_name("space.css")
TITLE: Final = "SkinTag"
PORT: Final = 7860
HEAD: Final = """usage: skintag space bundle=<folder or zip> key=value ...

A Gradio app over a bundle at http://localhost:7860; needs pip install 'skintag[space]'. Keys, each also set by
SKINTAG_SERVE_<KEY> in the environment:
"""
INTRODUCTION: Final = (
    "# SkinTag\nA calm second look at a spot on your skin: how urgent is it to show it to a clinician? Take one spot, "
    "in focus, in daylight, about a hand's width away. The photo is dropped as soon as it has been looked at."
)
NO_PHOTO: Final = "There is no photo yet: choose one, paste one, or use the camera."
_LEFT: Final = 300
"""Seconds after which an upload that nobody had looked at is dropped."""
_ROOM: Final = 200_000_000
"""Bytes that a folder in memory must have free to be used."""


def look(engine: Engine, path: str | None) -> str:
    """What is said of an upload, as HTML; the file is gone afterwards, whatever happens.

    Args:
        engine: that answers.
        path: of the upload; None: there is none.
    """
    if path is None:
        return cards.failed(NO_PHOTO)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return cards.failed(NO_PHOTO)
    finally:
        drop(Path(path))
    return said_of(engine, data)


def said_of(engine: Engine, data: bytes) -> str:
    """What is said of a file's bytes, as HTML."""
    try:
        picture: Picture = engine.pictures(data)
    except ImageError as error:
        return cards.failed(Problem.of_image(error).detail)
    (answer,) = engine.answers(picture.pixels[None], [picture])
    policy = engine.bundle.policy
    return cards.result(answer, picture.pixels, policy.low, policy.high)


def drop(upload: Path) -> None:
    """Drop an upload, and its folder, whose name is a digest of what it holds."""
    upload.unlink(missing_ok=True)
    with suppress(OSError):  # there is another upload in it
        upload.parent.rmdir()


def drop_left(folder: Path, seconds: float = _LEFT) -> None:
    """Drop uploads that nobody had looked at, e.g. of a page that was closed."""
    before = time.time() - seconds
    for root, _, names in os.walk(folder):  # which does not mind folders that go meanwhile
        for path in (Path(root, name) for name in names):
            with suppress(FileNotFoundError):  # looked at just now
                if path.stat().st_mtime < before:
                    drop(path)


def uploads_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of our own for uploads, in memory where the system has room there; gone at the end."""
    shared = Path("/dev/shm")
    try:
        about = os.statvfs(shared)
        roomy = about.f_bavail * about.f_frsize >= _ROOM and os.access(shared, os.W_OK)
    except OSError:
        roomy = False
    return tempfile.TemporaryDirectory(prefix="skintag_space_", dir=shared if roomy else None)


def build(engine: Engine, folder: Path) -> gradio.Blocks:
    """The app over an engine; `folder` is where Gradio puts uploads.

    Raises:
        ModuleNotFoundError: gradio is not installed.
    """
    import gradio as gr

    def answer(path: str | None) -> tuple[None, str]:
        drop_left(folder)
        return None, look(engine, path)

    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(60, _LEFT)) as app:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(min_width=300):
                photo = gr.Image(
                    label="Photo of one spot", sources=["upload", "webcam", "clipboard"], buttons=[]
                )
                photo.preprocess = _path
                go = gr.Button("Look at it", variant="primary")
            with gr.Column(min_width=300):
                said = gr.HTML(js_on_load=None)
                gr.HTML(cards.guide(), js_on_load=None)
        gr.HTML(cards.disclaimer(engine.bundle.texts.disclaimer), elem_classes="st-stay", js_on_load=None)
        go.click(
            answer, photo, [photo, said], api_visibility="private", concurrency_limit=2, scroll_to_output=True
        )
    return app


def _path(payload: Any) -> str | None:
    """Of an upload, as it is: Gradio itself would decode it, and have errors of its own."""
    return None if payload is None or not payload.path else str(payload.path)


def launch(settings: Settings, *, wait: bool = True) -> Callable[[], None]:
    """Serve until a signal comes, or, where `wait` is false, until the function that is returned is called.

    Raises:
        DataError: the bundle is broken.
        ModuleNotFoundError: gradio is not installed.
    """
    engine = Engine.load(settings.bundle, settings.max_pixels, settings.threads, settings.device)
    uploads = uploads_folder()
    atexit.register(shutil.rmtree, uploads.name, ignore_errors=True)  # gradio makes it anew while it ends
    # before gradio is imported: it reads these once
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": uploads.name}
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio as gr

    if wait:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder of uploads goes too
    app = build(engine, Path(uploads.name)).queue(max_size=settings.queue)
    given = settings.model_fields_set
    app.launch(
        server_name=settings.host if "host" in given else os.environ.get("GRADIO_SERVER_NAME", settings.host),
        server_port=settings.port if "port" in given else int(os.environ.get("GRADIO_SERVER_PORT", PORT)),
        share=False,
        max_file_size=settings.max_image_bytes,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        prevent_thread_lock=not wait,
        css=STYLE.read_text(encoding="utf-8"),
        # fonts of the system: gradio's own theme fetches them from elsewhere
        theme=gr.themes.Base(
            primary_hue="orange",
            neutral_hue="stone",
            font=["ui-sans-serif", "system-ui"],
            font_mono=["monospace"],
        ),
    )

    def end() -> None:
        app.close()
        uploads.cleanup()

    if wait:
        end()
    return end


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Settings of the server, of which only some mean something here.

    Raises:
        ConfigError: another key, or no bundle.
    """
    for name in values:
        if name in Settings.model_fields and name not in USED:
            raise ConfigError(
                f"{name} means nothing here; of the server's settings these do: {', '.join(USED)}"
            )
    settings = settings_from(values)
    if not settings.bundle:
        raise ConfigError("bundle is not set: name a bundle's folder or zip, bundle=<path>")
    return settings


def main() -> None:
    """Serve what the command line and the environment name.

    Raises:
        ConfigError: a key that there is not, a value that will not do, no bundle, or no gradio.
        DataError: the bundle is broken.
    """
    if any(flag in sys.argv[1:] for flag in ("-h", "--help", "help")):
        keys = (f"  {name:16} {Settings.model_fields[name].description}" for name in USED)
        print("\n".join([HEAD, *keys]))
        return
    settings = settings_of(parse(sys.argv[1:]))
    try:
        launch(settings)
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise ConfigError(
            "gradio is not installed here: pip install 'skintag[space]', in an environment of its own"
        ) from error
