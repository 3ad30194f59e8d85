import asyncio

import pytest
from fake_chain import MINT, STATUS
from people import ANN

from mmoment_api import face_left
from mmoment_api.chain_control import NftVerdict

WAYS = [('DELETE', '/api/face'), ('POST', '/api/person/forget')]


@pytest.mark.parametrize('way', WAYS)
def test_a_face_that_is_still_on_the_chain_is_named(services, owner, way):
    services.state.chain.hear(STATUS)
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['success'], answer['chain_mint']) == (True, MINT)
    assert answer['message'].startswith('Forgotten. ')
    assert MINT in answer['message']
    assert 'burn' in answer['message']
    assert services.chain.asked == [('verify', ANN, 'face', True)]


@pytest.mark.parametrize('way', WAYS)
def test_nothing_is_said_of_a_chain_that_has_none(services, owner, way):
    services.state.chain.hear(STATUS)
    services.chain.verdict = NftVerdict(False, 'none')
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['chain_mint'], answer['message']) == (None, 'Forgotten')


@pytest.mark.parametrize('way', WAYS)
def test_a_chain_that_does_not_answer_holds_up_nobody(services, owner, monkeypatch, way):
    # Without a part for the chain, it is not asked at all.
    assert owner(*way, json={'wallet_address': ANN}).json()['message'] == 'Forgotten'
    assert services.chain.asked == []
    services.state.chain.hear(STATUS)
    services.chain.is_away = True
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['success'], answer['chain_mint']) == (True, None)
    assert answer['message'] == f'Forgotten. {face_left.NOT_ASKED}'

    async def never(*_):
        await asyncio.sleep(60)

    services.chain.verify = never
    monkeypatch.setattr(face_left, 'WAIT_S', 0.01)
    answer = owner(*way, json={'wallet_address': ANN})
    assert answer.json()['message'] == f'Forgotten. {face_left.NOT_ASKED}'
