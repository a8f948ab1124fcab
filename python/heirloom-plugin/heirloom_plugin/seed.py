"""Randomness by counter: every number follows from a seed, a stream's name and a counter.

The generator and its maps to ranges are those of Heirloom itself: the same seed gives the same draws in every
language, and in every version of Python.
"""

import hashlib
import math
import struct

_MASK = (1 << 64) - 1


class Seed:
    """256 bits from which random numbers are drawn."""

    __slots__ = ("bytes",)

    def __init__(self, data):
        self.bytes = bytes(data)
        if len(self.bytes) != 32:
            raise ValueError(f"a seed has 32 bytes, not {len(self.bytes)}")

    @classmethod
    def from_number(cls, number):
        """The root seed of a run from the number in its run file."""
        return cls(number.to_bytes(8, "little") + bytes(24)).derive("run", 0)

    def derive(self, stream, counter=0):
        """The seed of one use."""
        name = stream.encode()
        data = self.bytes + struct.pack("<Q", len(name)) + name + struct.pack("<Q", counter)
        return Seed(hashlib.sha256(data).digest())

    def rng(self):
        """A generator that starts at this seed."""
        return Rng(self.bytes)

    def number(self, bits=64):
        """The first bits as a whole number, for libraries that take a small seed (NumPy takes 32 bits)."""
        return int.from_bytes(self.bytes[:8], "little") & ((1 << bits) - 1)

    def __eq__(self, other):
        return isinstance(other, Seed) and self.bytes == other.bytes

    def __hash__(self):
        return hash(self.bytes)

    def __repr__(self):
        return f"Seed({self.number():016x}…)"


class Rng:
    """xoshiro256++ (Blackman and Vigna 2019)."""

    __slots__ = ("_state",)

    def __init__(self, seed):
        self._state = list(struct.unpack("<4Q", seed))
        if not any(self._state):
            raise ValueError("a seed of zeros gives zeros only; hint: derive one")

    def next_u64(self):
        """64 random bits."""
        a, b, c, d = self._state
        total = (a + d) & _MASK
        result = (((total << 23) | (total >> 41)) + a) & _MASK
        shifted = (b << 17) & _MASK
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = ((d << 45) | (d >> 19)) & _MASK
        self._state = [a, b, c, d]
        return result

    def uniform(self):
        """Uniform in [0, 1)."""
        return (self.next_u64() >> 11) * (1.0 / (1 << 53))

    def below(self, n):
        """Uniform in 0..n-1, without bias (Lemire 2019)."""
        if n <= 0:
            raise ValueError("cannot draw from an empty range")
        product = self.next_u64() * n
        if (product & _MASK) < n:
            threshold = ((1 << 64) - n) % n
            while (product & _MASK) < threshold:
                product = self.next_u64() * n
        return product >> 64

    def normal(self):
        """Standard normal (Box and Muller 1958)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return radius * math.cos(2.0 * math.pi * self.uniform())

    def choose(self, items):
        """One element, uniformly."""
        return items[self.below(len(items))]

    def shuffle(self, items):
        """Puts a list into a random order."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
