"""How many people may look at once, by whichever way the pictures reach them."""

from __future__ import annotations


class TooManyViewers(Exception):
    """There is no room for one more viewer."""


class ViewerSeats:
    """Seats that all live views share; belongs to the event loop's thread."""

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self.taken = 0

    @property
    def is_full(self) -> bool:
        """Whether nobody else may look now."""
        return self.taken >= self.at_most

    def take(self) -> None:
        """Take a seat; raises `TooManyViewers`."""
        if self.is_full:
            raise TooManyViewers
        self.taken += 1

    def give_back(self) -> None:
        """Give a seat back that was taken."""
        self.taken -= 1
