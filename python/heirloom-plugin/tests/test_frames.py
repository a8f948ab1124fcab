"""What comes over the line is not trusted: random frames are refused by `Malformed`, or mean something."""

import os
import random
import struct
import tracemalloc
import unittest

from heirloom_plugin import columns, frames, msgpack
from heirloom_plugin.errors import Malformed
from heirloom_plugin.spec import describe
from heirloom_plugin.worker import StrategyServer

#: How many frames; a million take a quarter of a minute.
N_FRAMES = int(os.environ.get("HEIRLOOM_TEST_FRAMES", "100000"))

TABLES = [
    columns.ASK,
    columns.PROPOSALS,
    columns.OBSERVATIONS,
    columns.REPORT,
    columns.KNOWLEDGE,
    columns.REQUESTS,
    columns.OUTCOMES,
    columns.SCORING,
    columns.SCORES,
    columns.ALLOWED,
]


class Bytes:
    """A stream of the given bytes, as a socket gives them: in pieces."""

    def __init__(self, data, piece=7):
        self.data = data
        self.piece = piece

    def recv(self, n):
        n = min(n, self.piece)
        part, self.data = self.data[:n], self.data[n:]
        return part


def columns_of(draw, table):
    """Random columns of a table."""
    values = {}
    for name, kind in table:
        n = draw.randrange(4)
        if isinstance(kind, tuple):
            values[name] = columns_of(draw, kind)
        elif kind == "seed":
            values[name] = draw.randbytes(32)
        elif kind == "u64":
            values[name] = draw.randrange(5)
        elif kind == "f64":
            values[name] = draw.random()
        elif kind == "[f64]":
            values[name] = [draw.random() for _ in range(n)]
        else:
            values[name] = [draw.randrange(256) for _ in range(n)]
    return columns.Columns(**values)


def bent(draw, body):
    """A body with a byte changed, cut off, or added."""
    body = bytearray(body)
    for _ in range(draw.randrange(4)):
        what = draw.randrange(3)
        if what == 0 and body:
            body[draw.randrange(len(body))] = draw.choice([0, 1, 127, 255, draw.randrange(256)])
        elif what == 1:
            del body[draw.randrange(len(body) + 1) :]
        else:
            body.append(draw.randrange(256))
    return bytes(body)


def random_frame(draw):
    """A frame that is none, or one whose body may be none."""
    what = draw.randrange(3)
    if what == 0:
        return draw.randbytes(draw.randrange(40))
    if what == 1:
        table = draw.choice(TABLES)
        body = bent(draw, columns.write(columns_of(draw, table), table))
    else:
        message = {"kind": "strategy", "name": "a", "threads": draw.randrange(99), "options": "{}"}
        body = bent(draw, msgpack.pack(message))
    return frames.HEADER.pack(len(body), draw.randrange(40)) + body


class Frames(unittest.TestCase):
    def test_random_frames_are_refused_or_mean_something(self):
        draw = random.Random(4)
        space = describe([{"name": "x", "type": "float", "low": 0.0, "high": 1.0}])
        problem = {"space": space, "fidelities": [], "objectives": [{"name": "y", "direction": "minimise"}]}

        class Any:
            def __init__(self, *_):
                pass

            def ask(self, request):
                return [request.pending[0].configuration] if request.pending else []

            def tell(self, observations):
                [one.objective for one in observations]

        strategy = StrategyServer(Any, problem, {}, None, None)
        read, refused = 0, 0
        for _ in range(N_FRAMES):
            link = frames.Link(Bytes(random_frame(draw)))
            try:
                verb, body = link.receive()
            except (Malformed, EOFError):
                refused += 1
                continue
            for parse in (msgpack.unpack, *(lambda body, t=table: columns.read(body, t) for table in TABLES[:3])):
                try:
                    parse(body)
                    read += 1
                except Malformed:
                    refused += 1
            if verb in strategy.verbs:
                try:
                    strategy.serve(verb, body)
                except Malformed:
                    pass
                except Exception as error:
                    if getattr(error, "kind", "") != "unsupported":
                        raise
        self.assertGreater(read, N_FRAMES // 20)
        self.assertGreater(refused, N_FRAMES // 20)

    def test_a_length_takes_no_memory_before_its_bytes_are_there(self):
        tracemalloc.start()
        lies = [
            frames.HEADER.pack(frames.MAX_BODY, frames.ASK) + b"x",
            frames.HEADER.pack(frames.MAX_BODY + 1, frames.ASK),
        ]
        for lie in lies:
            with self.assertRaises((EOFError, Malformed)):
                frames.Link(Bytes(lie, piece=1 << 20)).receive()
        for lie in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
            with self.assertRaises(Malformed):
                msgpack.unpack(lie)
        with self.assertRaises(Malformed):
            columns.read(struct.pack("<Q", 1 << 60), columns.SCORES)
        with self.assertRaises(Malformed):
            msgpack.unpack(b"\x91" * 1000 + b"\x01")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertLess(peak, 4 << 20)

    def test_messages_come_back(self):
        message = {"kind": "failed", "message": "größe", "level": 3, "nested": {"a": "b"}}
        self.assertEqual(msgpack.unpack(msgpack.pack(message)), message)
        every = b"\x9d\xc0\xc2\xc3\x7f\xff\xcc\x80\xcd\x01\x00\xd1\xff\x00\xcb\x3f\xf8\0\0\0\0\0\0\xc4\x01x\xa1y\x80\x92\x01\x02"
        expected = [None, False, True, 127, -1, 128, 256, -256, 1.5, b"x", "y", {}, [1, 2]]
        self.assertEqual(msgpack.unpack(every), expected)

    def test_columns_come_back_and_cut_ones_are_refused(self):
        draw = random.Random(1)
        for table in TABLES:
            body = columns.write(columns_of(draw, table), table)
            self.assertEqual(columns.write(columns.read(body, table), table), body)
            for end in range(len(body)):
                with self.assertRaises(Malformed):
                    columns.read(body[:end], table)


if __name__ == "__main__":
    unittest.main()
