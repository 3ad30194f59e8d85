"""Two people, their faces as face_node finds them, and how they say who they are."""

from mmoment_api.face_requests import FoundFace
from mmoment_chain.consent_texts import VERSIONS

ANN = 'So11111111111111111111111111111111111111112'
BEN = 'Vote111111111111111111111111111111111111111'
SIGNED = {'wallet_address': ANN, 'message': 'text', 'signature': 'signed'}
AGREED = {'consent_version': VERSIONS[0]}
FACES = (
    FoundFace(1.0, 2.0, 30.0, 40.0, 0.9, track_id=7, identity=ANN, similarity=0.8),
    FoundFace(5.0, 6.0, 20.0, 25.0, 0.7, track_id=8, identity=BEN, similarity=0.6),
    FoundFace(9.0, 9.0, 10.0, 10.0, 0.5),
)


def bearer(opened):
    return {'Authorization': f'Bearer {opened.token}'}
