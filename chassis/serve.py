"""``python -m chassis.serve matching --port 8102``: run one deployable under uvicorn."""

from __future__ import annotations

import argparse
import gc
import sys
from importlib import import_module

import uvicorn
from starlette.routing import WebSocketRoute

from chassis.service import ServiceApp
from chassis.settings import SettingsError, read

_DRAIN = 8  # seconds that open requests get to finish after SIGTERM, before the consumer and the relay are stopped


def serve(app: ServiceApp, *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; settings come from the environment. The exit status."""
    try:
        read(app.spec.name, declared=app.spec.settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    collect_less()
    uvicorn.run(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        # Only the gateway speaks it, and only its installation has the package.
        ws="websockets-sansio" if any(isinstance(route, WebSocketRoute) for route in app.routes) else "none",
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_DRAIN,
        server_header=False,
    )
    return 0


def collect_less() -> None:
    """Look for garbage cycles far less often: a batch of facts is tens of thousands of objects, and looking through them again
    and again while they are decoded takes twice as long as decoding them. What is loaded now stays, and is never looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def main(arguments: list[str] | None = None) -> int:
    """Serve the deployable that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m chassis.serve", description=__doc__)
    parser.add_argument("service", help="profiles, matching, feedback, notifications or gateway")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen at (default: 8000)")
    chosen = parser.parse_args(arguments)
    module = "gateway.app" if chosen.service == "gateway" else f"services.{chosen.service}.app"
    app = import_module(module).app
    assert isinstance(app, ServiceApp)
    return serve(app, host=chosen.host, port=chosen.port)


if __name__ == "__main__":
    sys.exit(main())
