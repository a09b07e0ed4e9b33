"""The socket that a server listens on, opened before anything is served, so that what is wrong with it is one line."""

import socket

from kedit_memory.errors import InvalidInputError


def listen(host: str, port: int) -> socket.socket:
    """A socket of a host, on a free port where `port` is 0.

    Raises:
        InvalidInputError: the host is none of this machine's, or the port is taken.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InvalidInputError(f"port {port} of {host} cannot be used ({error.strerror}); choose another") from error
    # Connections inherit it: else the body of a response waits 40 ms for the client to acknowledge its headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(host: str, listening: socket.socket, path: str) -> str:
    """The address that clients are given."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}{path}"
