import asyncio

import pytest

from mmoment_api.errors import ApiError
from mmoment_api.face_requests import Enrolments, Gate, face_id


def run(scenario):
    async def body():
        return await asyncio.wait_for(scenario(Enrolments()), 5)

    return asyncio.run(body())


async def begin(enrolments, identity='ann'):
    """An enrolment that goes on until it is ended; whether it was given up."""
    given_up = []

    async def enroll():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(identity)
            raise

    task = asyncio.ensure_future(enrolments.run(identity, enroll))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task, given_up


async def outcome():
    return 'known'


def test_one_at_a_time():
    async def scenario(enrolments):
        assert await enrolments.run('ann', outcome) == 'known'
        first, _ = await begin(enrolments)
        with pytest.raises(ApiError) as refusal:
            await enrolments.run('ben', outcome)
        assert (refusal.value.status, refusal.value.code) == (409, 'enrolment_running')
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        assert await enrolments.run('ben', outcome) == 'known'

    run(scenario)


def test_whoever_waits_is_told_that_it_was_cancelled():
    async def scenario(enrolments):
        assert not enrolments.cancel(lambda _: True)
        task, given_up = await begin(enrolments)
        assert enrolments.cancel(lambda identity: identity == 'ann')
        with pytest.raises(ApiError) as refusal:
            await task
        assert (refusal.value.status, refusal.value.code) == (409, 'enrolment_cancelled')
        # What came of it is not known here.
        assert 'learned' not in refusal.value.message
        assert given_up == ['ann']

    run(scenario)


def test_one_that_is_done_is_not_cancelled_any_more():
    async def scenario(enrolments):
        may_end = asyncio.Event()

        async def enroll():
            await may_end.wait()
            return 'known'

        task = asyncio.ensure_future(enrolments.run('ann', enroll))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        may_end.set()
        # Its end is known to the one who waits only a turn of the loop later.
        await asyncio.sleep(0)
        was_cancelled = enrolments.cancel(lambda _: True)
        assert (was_cancelled, await task) == (False, 'known')

    run(scenario)


def test_the_enrolment_of_somebody_else_is_not_cancelled():
    async def scenario(enrolments):
        task, given_up = await begin(enrolments)
        with pytest.raises(ApiError) as refusal:
            enrolments.cancel(lambda identity: identity == 'ben')
        assert refusal.value.status == 403
        assert not task.done()
        assert not given_up
        task.cancel()

    run(scenario)


def test_a_face_id_is_of_person_and_model_and_holds_no_name():
    first = face_id('model-1', 'ann')
    assert first == face_id('model-1', 'ann')
    assert len({first, face_id('model-2', 'ann'), face_id('model-1', 'ben')}) == 3
    assert len(first) == 32
    assert int(first, 16)


def test_the_gate_is_open_again_for_the_next():
    gate = Gate(at_most=1)
    with gate.entered():
        with pytest.raises(ApiError) as refusal, gate.entered():
            pass
        assert refusal.value.status == 429
        assert refusal.value.headers == {'Retry-After': '1'}
    with pytest.raises(KeyError), gate.entered():
        raise KeyError
    with gate.entered():
        pass
