"""The rival of `serving.py`: python serving_mosec.py <bundle> <threads> <batch>, mosec's server."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
from mosec import Server, Worker

from skintag.serving.engine import Engine, processors
from skintag.serving.pictures import Picture
from skintag.serving.text import to_json

# its own processes begin with other arguments
if __name__ == "__main__":
    os.environ["RIVAL"] = json.dumps(sys.argv[1:4])
BUNDLE, THREADS, BATCH = json.loads(os.environ["RIVAL"])
THREADS, BATCH = int(THREADS), int(BATCH)
PORT = 8212


def engine(threads: int) -> Engine:
    return Engine.load(BUNDLE, 50_000_000, threads)


class Decode(Worker):
    """Bytes of a photograph to pixels, in as many processes as there are processors."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = engine(1).pictures

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> Picture:
        return self.pictures(data)


class Answer(Worker):
    """Batches of pixels to answers."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = engine(THREADS)

    def forward(self, pictures: list[Picture]) -> list[dict[str, object]]:
        return self.engine.answers(np.stack([picture.pixels for picture in pictures]), pictures)

    def serialize(self, answer: dict[str, object]) -> bytes:
        return to_json(answer)


if __name__ == "__main__":
    sys.argv[1:] = [
        "--port",
        str(PORT),
        "--address",
        "127.0.0.1",
        "--capacity",
        "256",
        "--log-level",
        "warning",
    ]
    server = Server()
    server.append_worker(Decode, num=processors())
    server.append_worker(Answer, max_batch_size=BATCH, max_wait_time=4)
    server.run()
