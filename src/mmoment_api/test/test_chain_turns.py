from contextlib import ExitStack

import pytest
from people import ANN, BEN

from mmoment_api.access import OWNER, Principal
from mmoment_api.chain_turns import PERSON_LIMIT, PLACES_OF_OWNER, ChainTurns
from mmoment_api.errors import ApiError


class Clock:
    now_s = 0.0

    def elapsed_s(self):
        return self.now_s


def ask(turns, principal, times=1):
    for _ in range(times):
        with turns.entered(principal):
            pass


def test_each_person_asks_so_often_and_the_owner_as_often_as_it_takes():
    clock = Clock()
    turns, ann, ben = ChainTurns(clock), Principal(ANN), Principal(BEN)
    ask(turns, ann, PERSON_LIMIT.burst)
    with pytest.raises(ApiError) as refusal:
        ask(turns, ann)
    assert (refusal.value.status, refusal.value.headers) == (429, {'Retry-After': '1'})
    ask(turns, ben)
    ask(turns, OWNER, 100)
    clock.now_s += PERSON_LIMIT.refill_s
    ask(turns, ann)
    with pytest.raises(ApiError):
        ask(turns, ann)


def test_people_who_wait_leave_room_for_the_owner():
    turns = ChainTurns(Clock(), at_most=PLACES_OF_OWNER + 1)
    with ExitStack() as inside:
        inside.enter_context(turns.entered(Principal(ANN)))
        with pytest.raises(ApiError) as refusal:
            ask(turns, Principal(BEN))
        assert refusal.value.status == 429
        for _ in range(PLACES_OF_OWNER):
            inside.enter_context(turns.entered(OWNER))
        with pytest.raises(ApiError):
            ask(turns, OWNER)
    ask(turns, Principal(BEN))
