"""The bodies that are columns: contiguous numbers, little-endian, each column after its length (u64).

Columns are not trusted: every length is checked before memory is taken for it.
"""

import struct
import sys
from array import array

from .errors import Malformed

#: Stands for "none" in columns of trial numbers and of bytes.
NONE = (1 << 64) - 1

_SIZES = {"u64": 8, "f64": 8, "u8": 1}


class Columns:
    """A table of columns by name."""

    def __init__(self, **columns):
        self.__dict__.update(columns)


# What stands in each body, in order: a name and `u64`, `f64`, `seed`, a column `[u64]`, `[f64]`, `[u8]`, or another table.
TEXTS = (("bytes", "[u8]"), ("ends", "[u64]"))
TRIALS = (("ids", "[u64]"), ("configurations", "[f64]"), ("fidelities", "[f64]"))
ASK = (("n", "u64"), ("first_trial", "u64"), ("seed", "seed"), ("pending", TRIALS))
PROPOSALS = (
    ("n", "u64"),
    ("configurations", "[f64]"),
    ("fidelities", "[f64]"),
    ("parents", "[u64]"),
    ("continues", "[u64]"),
)
OBSERVATIONS = (("trials", TRIALS), ("objectives", "[f64]"), ("failures", "[u8]"), ("costs", "[f64]"))
REPORT = (("trial", "u64"), ("fidelity", "[f64]"), ("step", "f64"), ("objectives", "[f64]"), ("cost", "f64"))
KNOWLEDGE = (("configurations", "[f64]"), ("scores", "[f64]"), ("weights", "[f64]"))
REQUESTS = (
    ("trials", TRIALS),
    ("attempts", "[u64]"),
    ("parents", "[u64]"),
    ("continues", "[u64]"),
    ("seeds", "[u8]"),
    ("seconds", "[f64]"),
    ("memory", "[u64]"),
    ("threads", "[u64]"),
    ("folders", TEXTS),
)
OUTCOMES = (
    ("failures", "[u8]"),
    ("messages", TEXTS),
    ("objectives", "[f64]"),
    ("costs", "[f64]"),
    ("stopped", "[u8]"),
    ("curve_ends", "[u64]"),
    ("curve_steps", "[f64]"),
    ("curve_objectives", "[f64]"),
    ("curve_costs", "[f64]"),
    ("metric_ends", "[u64]"),
    ("metric_names", TEXTS),
    ("metric_values", "[f64]"),
)
SCORING = (("n", "u64"), ("seed", "seed"), ("configurations", "[f64]"))
SCORES = (("scores", "[f64]"),)
ALLOWED = (("n", "u64"), ("configurations", "[f64]"))


def read(body, table):
    """The table that fills `body`."""
    columns, rest = _read_table(memoryview(body), 0, table)
    if rest != len(body):
        raise Malformed("bytes are left over after the columns")
    return columns


def write(columns, table):
    """The bytes of a table."""
    parts = []
    _write_table(columns, table, parts)
    return b"".join(parts)


def _take(body, at, n):
    if n > len(body) - at:
        raise Malformed("columns are cut short")
    return body[at : at + n], at + n


def _read_table(body, at, table):
    columns = Columns()
    for name, kind in table:
        if isinstance(kind, tuple):
            value, at = _read_table(body, at, kind)
        elif kind == "seed":
            value, at = _take(body, at, 32)
            value = bytes(value)
        elif kind == "u64":
            number, at = _take(body, at, 8)
            value = int.from_bytes(number, "little")
        elif kind == "f64":
            number, at = _take(body, at, 8)
            value = struct.unpack("<d", number)[0]
        else:
            length, at = _take(body, at, 8)
            n = int.from_bytes(length, "little")
            item = kind[1:-1]
            numbers, at = _take(body, at, n * _SIZES[item])
            value = bytes(numbers) if item == "u8" else _native(item, numbers)
        columns.__dict__[name] = value
    return columns, at


def _native(item, numbers):
    column = array("Q" if item == "u64" else "d")
    column.frombytes(numbers)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _write_table(columns, table, parts):
    for name, kind in table:
        value = getattr(columns, name)
        if isinstance(kind, tuple):
            _write_table(value, kind, parts)
        elif kind == "seed":
            parts.append(value)
        elif kind == "u64":
            parts.append(value.to_bytes(8, "little"))
        elif kind == "f64":
            parts.append(struct.pack("<d", value))
        else:
            parts.append(len(value).to_bytes(8, "little"))
            if kind == "[u8]":
                parts.append(bytes(value))
            else:
                column = array("Q" if kind == "[u64]" else "d", value)
                if sys.byteorder == "big":
                    column.byteswap()
                parts.append(column.tobytes())


def rows(column, n):
    """The `n` rows of a column `[n × width]`."""
    if n == 0:
        if len(column):
            raise Malformed("a column does not divide into rows")
        return []
    width, rest = divmod(len(column), n)
    if rest:
        raise Malformed("a column does not divide into rows")
    return [column[index * width : (index + 1) * width] for index in range(n)]


def same_lengths(n, *columns):
    """Refuses a table whose columns have not `n` entries each."""
    if any(len(column) != n for column in columns):
        raise Malformed("the columns of a table differ in length")


def texts(table):
    """The byte strings of a table of texts."""
    found, start = [], 0
    for end in table.ends:
        if not start <= end <= len(table.bytes):
            raise Malformed("a text lies outside its column")
        found.append(table.bytes[start:end])
        start = end
    return found


def from_texts(found):
    """The table of byte strings."""
    ends, end = [], 0
    for text in found:
        end += len(text)
        ends.append(end)
    return Columns(bytes=b"".join(found), ends=ends)


def none(number):
    """The number of a trial, or None."""
    return None if number == NONE else number


def or_none(number):
    """What stands for a trial's number, or for None, in a column."""
    return NONE if number is None else int(number)
