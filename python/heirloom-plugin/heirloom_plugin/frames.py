"""Frames: a length (u32, little-endian), a verb (u8), a body."""

import struct
import threading

from .errors import Malformed

#: A longer body is refused before memory is taken for it, bytes.
MAX_BODY = 1 << 30

HEADER = struct.Struct("<IB")

CREATE, ASK, TELL, JUDGE, INFORM, RECOMMEND, SAVE, RESTORE, EVALUATE, SCORE = range(1, 11)
DONE, ERROR, REPORT, CANCELLED, LOG, ALLOWED = range(32, 38)

_KNOWN = frozenset([*range(CREATE, SCORE + 1), *range(DONE, ALLOWED + 1)])


class Link:
    """The line to the host. Questions may come from any thread."""

    def __init__(self, stream):
        self._stream = stream
        self._reading = threading.RLock()
        self._writing = threading.Lock()

    def receive(self):
        """The next frame's verb and body; `EOFError` when the host has hung up."""
        with self._reading:
            length, verb = HEADER.unpack(self._read(HEADER.size))
            if length > MAX_BODY:
                raise Malformed(f"a frame says it is {length} bytes long")
            if verb not in _KNOWN:
                raise Malformed(f"verb {verb} is unknown")
            return verb, self._read(length)

    def send(self, verb, body=b""):
        """Sends a frame."""
        if len(body) > MAX_BODY:
            raise Malformed(f"a frame of {len(body)} bytes is too large")
        with self._writing:
            self._stream.sendall(HEADER.pack(len(body), verb) + body)

    def question(self, verb, body=b""):
        """Asks the host within a call; its answer's body."""
        with self._reading:
            self.send(verb, body)
            return self.receive()[1]

    def _read(self, n):
        # Memory grows with what arrives, not with what a length promises.
        parts, missing = [], n
        while missing:
            part = self._stream.recv(min(missing, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
