"""The socket that a server listens on."""

import socket

from kedit_memory.server.listening import listen


def test_a_response_does_not_wait_for_the_client() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
