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
    """The line to the host. Questions may come from any thread, within a call."""

    def __init__(self, stream):
        self._stream = stream
        self._in_call = False
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
            body = self._read(length)
            self._in_call = True
            return verb, body

    def send(self, verb, body=b""):
        """Sends a frame."""
        if len(body) > MAX_BODY:
            raise Malformed(f"a frame of {len(body)} bytes is too large")
        with self._writing:
            self._stream.sendall(HEADER.pack(len(body), verb) + body)

    def answer(self, verb, body=b""):
        """Ends a call. A question that is under way is waited for: its answer would be taken for the next call."""
        with self._reading:
            self._in_call = False
            self.send(verb, body)

    def question(self, verb, body=b""):
        """Asks the host within a call; its answer's body."""
        with self._reading:
            if not self._in_call:
                raise RuntimeError("the call has ended; join your threads before you return")
            self.send(verb, body)
            answer, body = self.receive()
            if answer != DONE:
                raise Malformed(f"a question was answered by verb {answer}")
            return body

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
