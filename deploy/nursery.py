"""``python -m deploy.nursery``: imports modules once, then forks off processes that run one of them.

Five deployables import the same libraries. On a small machine that is most of what starting them costs, and most of their memory: a
process that is forked off has all of it at once, and shares its pages. Each is still a process of its own, with its own session, log,
environment and end. Only the embedded platform on Linux starts its deployables like this (`deploy.embedded.forking` is the other side);
everywhere else each is started as a program.

Orders come as JSON lines on standard input, a Unix socket, and are answered there. ``{"import": [MODULE…]}`` has no answer.
``{"run": [MODULE, ARGUMENTS…], "name": …, "environment": {…}, "log": PATH, "input": TEXT}`` calls the module's ``main(arguments)`` in a
process of its own and is answered with ``{"started": PID}``; ``{"ended": PID, "status": N}`` follows when that has ended. When the other
side closes, or dies, this process ends, and the kernel tells all that it forked off.
"""

from __future__ import annotations

import gc
import io
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NoReturn

from deploy.embedded.launch import be_called, tell_when_the_starter_ends

_LONGEST_ORDER = 1 << 20


def main() -> int:
    """Serve orders until nobody can give any."""
    starter = socket.socket(fileno=os.dup(0))
    ended, noticed = socket.socketpair()
    for end in (ended, noticed):
        end.setblocking(False)
    signal.set_wakeup_fd(noticed.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.disable()  # nothing of what is imported goes away again
    said = b""
    while True:
        ready, _, _ = select.select([starter, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            for pid, status in _gone():
                _say(starter, {"ended": pid, "status": status})
        if starter in ready:
            heard = starter.recv(_LONGEST_ORDER)
            if not heard:
                return 0
            *orders, said = (said + heard).split(b"\n")
            for order in map(json.loads, orders):
                for module in order.get("import", ()):
                    import_module(module)
                if "run" in order:
                    _say(starter, {"started": _fork(order, ours=(starter, ended, noticed))})


def _gone() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def _say(starter: socket.socket, message: Mapping[str, int]) -> None:
    starter.sendall(json.dumps(message).encode() + b"\n")


def _fork(order: Mapping[str, Any], *, ours: tuple[socket.socket, ...]) -> int:
    gc.freeze()  # whoever is forked off never looks through what it shares, and so does not copy it
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        _become(order, parent=parent, ours=ours)
    return pid


def _become(order: Mapping[str, Any], *, parent: int, ours: tuple[socket.socket, ...]) -> NoReturn:
    status = 1
    try:
        gc.enable()
        os.setsid()  # as a started program's: Ctrl-C in a terminal reaches the starter alone
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        be_called(order["name"])  # in ps and top, where the command line is the nursery's
        tell_when_the_starter_ends(parent, death_signal=signal.SIGTERM)
        for each in ours:
            each.close()
        for number, path, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        ):
            opened = os.open(path, flags, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        os.dup2(1, 2)
        sys.stdin = io.StringIO(order["input"])
        os.environ.clear()
        os.environ.update(order["environment"])
        module, *arguments = order["run"]
        sys.argv = [module, *arguments]
        status = import_module(module).main(arguments) or 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        # Not the interpreter's own end: that is the nursery's, whose loop lies below us on this stack.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
