"""The containers' health check: `python -IS healthcheck.py [port]` asks readiness and says what is failing.

Run by path and without the site's packages, since it runs every few seconds: 15 ms. Its words are what `docker inspect` shows.
"""

import socket
import sys

_WITHIN = 8.0  # seconds: readiness itself gives the database and the broker three
_OK = b" 200 "


def check(port: int) -> int:
    """0 when the service on this port is ready, 1 otherwise; what it answered goes to standard output."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_WITHIN) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            while part := connection.recv(65536):
                answer += part
    except OSError as error:
        print(f"no answer on port {port}: {error}")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    print(body.decode(errors="replace"))
    return 0 if _OK in head.partition(b"\r\n")[0] else 1


if __name__ == "__main__":
    sys.exit(check(int(sys.argv[1]) if len(sys.argv) > 1 else 8000))
