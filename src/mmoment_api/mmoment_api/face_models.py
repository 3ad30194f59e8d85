"""Requests and answers about faces. None of them has a place for a template or a cut-out face."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from mmoment_api.encodings import PublicKey
from mmoment_api.given_pictures import PICTURES_AT_MOST
from mmoment_api.models import Box
from mmoment_api.wallet import LONGEST, SHORTEST, is_wallet_address

CONSENT_AT_MOST = 64


def _checked_address(text: str) -> str:
    if not is_wallet_address(text):
        raise ValueError('not 32 bytes in base58')
    return text


WalletAddress = Annotated[
    str,
    Field(min_length=SHORTEST, max_length=LONGEST, description='32 bytes in base58'),
    AfterValidator(_checked_address),
]
PictureText = Annotated[str, Field(description='JPEG, PNG or WebP; base64 or a data URL')]


class EnrollRequest(BaseModel):
    """Whose face to learn. Without pictures: from the live picture, with instructions as events."""

    wallet_address: WalletAddress | None = Field(
        default=None, description='Null: whoever is checked in'
    )
    owner_key: PublicKey = Field(
        default='', description='Seal the template to this key; empty: keep nothing'
    )
    consent_version: str = Field(
        default='',
        max_length=CONSENT_AT_MOST,
        description='Of the text the person agreed to; people who enrol themselves need it',
    )
    pictures: list[PictureText] = Field(
        default=[],
        max_length=PICTURES_AT_MOST,
        description='For the owner; for people only where session_enrolment is `any`',
    )
    image: PictureText | None = Field(
        default=None, description='One more picture, as older clients send it'
    )
    liveness: bool = Field(
        default=False,
        description='Live picture only: ask for movements first; a hurdle, no guarantee',
    )
    timeout_s: float = Field(
        default=0.0,
        ge=0.0,
        le=120.0,
        allow_inf_nan=False,
        description='Seconds to find good views in; 0: as configured',
    )


class QualityAnswer(BaseModel):
    """How good the views are that were taken; reasons are of those that were refused."""

    score: float = Field(description='0 to 1')
    rating: str = Field(description='poor, fair or good')
    reasons: list[str]


class EnrollAnswer(BaseModel):
    """The person is known from now on, until forgotten or until the camera stops."""

    success: bool = True
    wallet_address: str
    face_id: str = Field(description='Of this person and model; says nothing of the face')
    quality: QualityAnswer
    model: str
    views: int
    liveness_passed: bool
    record_id: str | None = Field(description='Of the sealed template; null: none was made')
    envelope: str | None = Field(description='The sealed template, base64: ciphertext')
    message: str


class CancelAnswer(BaseModel):
    """Whether an enrolment was under way."""

    success: bool = True
    cancelled: bool


class PictureRequest(BaseModel):
    """The picture to look at; without one, the newest of the camera."""

    picture: PictureText | None = None
    image: PictureText | None = Field(
        default=None, description='The same, as older clients send it'
    )


class FoundFaceAnswer(BaseModel):
    """One face."""

    box: Box
    score: float
    track_id: int | None = Field(description='As in the faces event; null in a given picture')


class KnownFaceAnswer(FoundFaceAnswer):
    """One face, and who it is: null for everybody whom the camera or the caller does not know."""

    identity: str | None
    similarity: float | None


class DetectAnswer(BaseModel):
    """The faces of a picture, largest first."""

    success: bool = True
    width: int
    height: int
    faces: list[FoundFaceAnswer]
    message: str


class RecognizeAnswer(BaseModel):
    """The faces of a picture, largest first, and who they are."""

    success: bool = True
    width: int
    height: int
    model: str | None = Field(description='Model that compared the faces; null: none is loaded')
    faces: list[KnownFaceAnswer]
    message: str


class ForgetRequest(BaseModel):
    """Whose face to forget."""

    wallet_address: WalletAddress


class ForgetAnswer(BaseModel):
    """What is gone of a person's face. Null: session_node is away, and what it keeps is left."""

    success: bool = True
    wallet_address: str
    face_forgotten: bool = Field(
        description='The camera does not know the face any more; false: as soon as it can'
    )
    templates: int | None = Field(description='Kept ones that were erased')
    consents: int | None = Field(description='That were withdrawn')
    chain_mint: str | None = Field(
        default=None,
        description='A sealed face that is still on the chain: only its owner can burn it',
    )
    message: str
