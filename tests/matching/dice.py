"""Made-up cases from one run of bytes: hypothesis draws and shrinks it whole, which costs a tenth of drawing every number.

A byte of 0 is always the first option, and where the bytes end all are 0: the shorter and the lower, the simpler the case.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Reads choices off bytes, one after the other."""

    def __init__(self, thrown: bytes) -> None:
        self._thrown, self._at = thrown, 0

    def __repr__(self) -> str:
        return f"Dice({self._thrown!r})"

    def upto(self, most: int) -> int:
        """0 to ``most``, both included; as many bytes as that needs."""
        width = max(1, (most.bit_length() + 7) // 8)
        part = self._thrown[self._at : self._at + width]
        self._at += width
        return int.from_bytes(part, "big") % (most + 1)

    def between(self, low: int, high: int) -> int:
        """Both included; ``low`` is the simplest."""
        return low + self.upto(high - low)

    def yes(self) -> bool:
        """False is the simplest."""
        return bool(self.upto(1))

    def one(self, options: Sequence[T]) -> T:
        """The first is the simplest."""
        return options[self.upto(len(options) - 1)]

    def some(self, options: Sequence[T], *, most: int) -> list[T]:
        """Up to ``most`` different ones, in any order."""
        left = list(options)
        return [left.pop(self.upto(len(left) - 1)) for _ in range(self.upto(most))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of them."""
        left = list(options)
        return [left.pop(self.upto(len(left) - 1)) for _ in options]


def dice(length: int) -> st.SearchStrategy[Dice]:
    """For a test that throws on its own."""
    return thrown(length, lambda fresh: fresh)


def thrown(length: int, make: Callable[[Dice], T]) -> st.SearchStrategy[T]:
    """Cases that ``make`` reads off ``length`` bytes."""
    return st.binary(min_size=length, max_size=length).map(lambda throw: make(Dice(throw)))
