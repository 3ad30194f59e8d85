"""Methods of the dev chain's own, by which tests and people make it misbehave.

They are answered only where the chain was started with control, to callers on this machine, and
never to a page in a browser: any page may send requests to this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmoment_chain.devchain_calls import Call
from mmoment_chain.devchain_errors import invalid
from mmoment_chain.devchain_faults import Fault, Faults

ADVANCE_AT_MOST = 100_000


class Control:
    """What may be asked of a chain that is under control.

    is_paused: no block is closed. end_sockets: ends all WebSocket connections; returns how many.
    """

    def __init__(self, faults: Faults) -> None:
        self.is_paused = False
        self.end_sockets: Callable[[], int] = lambda: 0
        self._faults = faults

    def methods(self) -> Mapping[str, Callable[[Call], Any]]:
        """The methods by their names."""
        return {
            'devchain_addFaults': self.add_faults,
            'devchain_clearFaults': self.clear_faults,
            'devchain_fork': self.fork,
            'devchain_advance': self.advance,
            'devchain_pause': self.pause,
            'devchain_shiftClock': self.shift_clock,
            'devchain_closeSockets': self.close_sockets,
            'devchain_state': self.state,
        }

    def add_faults(self, call: Call) -> Any:
        """Have these faults strike, one object each; returns how many wait now."""
        self._faults.add(*[Fault.from_json(each) for each in call.params])
        return len(self._faults.waiting)

    def clear_faults(self, call: Call) -> Any:
        """Have nothing go wrong any more."""
        self._faults.clear()
        return True

    def fork(self, call: Call) -> Any:
        """Undo the open block and the last so many others; returns how many others."""
        return call.chain.fork(call.integer(0))

    def advance(self, call: Call) -> Any:
        """Close so many blocks now; returns the height."""
        blocks = call.integer(0)
        if blocks > ADVANCE_AT_MOST:
            raise invalid(f'at most {ADVANCE_AT_MOST} blocks')
        call.chain.advance(blocks)
        return call.chain.open.height

    def pause(self, call: Call) -> Any:
        """Close no more blocks, or go on."""
        wanted = call.given(0)
        if not isinstance(wanted, bool):
            raise invalid('true or false is expected')
        self.is_paused = wanted
        return wanted

    def shift_clock(self, call: Call) -> Any:
        """Put the clock of the chain so many seconds forward, for good; returns its time."""
        call.chain.shift_clock(call.integer(0))
        return call.chain.open.time_s

    def close_sockets(self, call: Call) -> Any:
        """End the connections of all WebSocket clients; returns how many."""
        return self.end_sockets()

    def state(self, call: Call) -> Any:
        """Where the chain stands."""
        chain = call.chain
        return {
            'slot': chain.open.slot,
            'height': chain.open.height,
            'finalized': chain.block_at('finalized').slot,
            'transactions': chain.transaction_count,
            'isPaused': self.is_paused,
            'faultsWaiting': len(self._faults.waiting),
            'faultsStruck': {kind.value: count for kind, count in self._faults.struck.items()},
        }
