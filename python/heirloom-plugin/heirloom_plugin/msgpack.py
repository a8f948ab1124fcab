"""As much of MessagePack as the control messages of the protocol need: nothing but plain data."""

import struct

from .errors import Malformed

#: Messages are flat; nothing that is honest nests deeper.
MAX_DEPTH = 16


def unpack(data):
    """The value that fills `data`: None, bool, int, float, str, bytes, list or dict."""
    value, rest = _read(memoryview(data), 0, 0)
    if rest != len(data):
        raise Malformed("bytes are left over after a message")
    return value


def _take(data, at, n):
    if n > len(data) - at:
        raise Malformed("a message is cut short")
    return data[at : at + n], at + n


_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_LENGTHS = {
    0xC4: (">B", "bytes"),
    0xC5: (">H", "bytes"),
    0xC6: (">I", "bytes"),
    0xD9: (">B", "str"),
    0xDA: (">H", "str"),
    0xDB: (">I", "str"),
    0xDC: (">H", "list"),
    0xDD: (">I", "list"),
    0xDE: (">H", "dict"),
    0xDF: (">I", "dict"),
}


def _read(data, at, depth):
    if depth > MAX_DEPTH:
        raise Malformed("a message nests too deep")
    first, at = _take(data, at, 1)
    code = first[0]
    if code < 0x80:
        return code, at
    if code >= 0xE0:
        return code - 0x100, at
    if code < 0x90:
        return _read_many("dict", code & 0x0F, data, at, depth)
    if code < 0xA0:
        return _read_many("list", code & 0x0F, data, at, depth)
    if code < 0xC0:
        return _read_many("str", code & 0x1F, data, at, depth)
    if code in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[code], at
    if code in _NUMBERS:
        form = _NUMBERS[code]
        number, at = _take(data, at, struct.calcsize(form))
        return struct.unpack(form, number)[0], at
    if code in _LENGTHS:
        form, kind = _LENGTHS[code]
        length, at = _take(data, at, struct.calcsize(form))
        return _read_many(kind, struct.unpack(form, length)[0], data, at, depth)
    raise Malformed(f"a message holds the unknown type {code:#x}")


def _read_many(kind, n, data, at, depth):
    if kind == "bytes":
        value, at = _take(data, at, n)
        return bytes(value), at
    if kind == "str":
        value, at = _take(data, at, n)
        try:
            return str(value, "utf-8"), at
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
    # An item takes a byte at least: a length beyond what is there is a lie, whatever stands in it.
    if n * (2 if kind == "dict" else 1) > len(data) - at:
        raise Malformed("a message is cut short")
    if kind == "list":
        items = []
        for _ in range(n):
            item, at = _read(data, at, depth + 1)
            items.append(item)
        return items, at
    table = {}
    for _ in range(n):
        key, at = _read(data, at, depth + 1)
        if not isinstance(key, str):
            raise Malformed("a key is no text")
        table[key], at = _read(data, at, depth + 1)
    return table, at


def pack(value):
    """The bytes of a dict of texts and small whole numbers, which is all that a worker sends."""
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
        return b"\xdb" + struct.pack(">I", len(text)) + text
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    parts = [b"\xdf" + struct.pack(">I", len(value))]
    for key, item in value.items():
        parts += [pack(key), pack(item)]
    return b"".join(parts)
