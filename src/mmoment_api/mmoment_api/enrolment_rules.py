"""What people may be enrolled from, and that nobody is without having agreed.

Pictures show whoever was photographed: with them, somebody could be learnt under another's name.
That the owner has the person's consent is the owner's to answer for.
"""

from __future__ import annotations

from mmoment_api.errors import ApiError
from mmoment_chain.consent_texts import VERSIONS

LIVE = 'live'
LIVE_WITH_LIVENESS = 'live_with_liveness'
ANY = 'any'
SESSION_ENROLMENTS = (LIVE, LIVE_WITH_LIVENESS, ANY)


def check_consent(consent_version: str) -> None:
    """Raises `ApiError` 422 unless this names a text that the camera takes.

    Which of them lets the camera keep the template is checked when it is to be kept.
    """
    if consent_version not in VERSIONS:
        raise ApiError(
            422,
            'no_consent',
            f'Agree to one of these texts first: {", ".join(VERSIONS)}',
            field='consent_version',
            versions=list(VERSIONS),
        )


def with_liveness(session_enrolment: str, *, is_asked: bool, has_pictures: bool) -> bool:
    """Whether movements are asked for in an enrolment by a session.

    Raises `ApiError` 403 for pictures where only the live picture counts.
    """
    if has_pictures and session_enrolment != ANY:
        raise ApiError(
            403,
            'not_enabled',
            'Here people are enrolled from the live picture; only the owner may send pictures',
            field='pictures',
        )
    return is_asked or session_enrolment == LIVE_WITH_LIVENESS
