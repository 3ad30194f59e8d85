"""Errors of the REST surface: a stable code for programs and our sentence for people."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is not a success.

    `code` never changes once published; `message` may. `details` are further fields of the
    answer, `headers` go with it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON answer."""
        return {'success': False, 'error': self.code, 'message': self.message, **self.details}


def part_not_running(part: str, what_to_do: str = '') -> ApiError:
    """503 that names the part of the camera which is not there or does not answer."""
    message = f'{part} is not running'
    if what_to_do:
        message = f'{message}; {what_to_do}'
    return ApiError(503, 'part_not_running', message, part=part)


# What a part refuses is the caller's to change, but for these.
_STATUS_OF_REFUSAL = {
    'busy': 409,
    'cancelled': 409,
    'no_picture': 503,
    'no_model': 503,
    'stopping': 503,
}


def refused_by_part(part: str, code: str, message: str, **details: Any) -> ApiError:
    """What a part of the camera refused, with its own stable code and sentence."""
    if not code:
        return part_not_running(part, 'it gave up without a word; its log says why')
    status = _STATUS_OF_REFUSAL.get(code, 422)
    if status == 503:
        details['part'] = part
    return ApiError(status, code, message or f'{part} refused', **details)


# What the framework refuses before a route is reached. Codes are stable.
HTTP_ERRORS: dict[int, tuple[str, str]] = {
    400: ('malformed', 'The request could not be read'),
    401: ('not_signed_in', 'Sign in first'),
    403: ('forbidden', 'You do not have the right to do this'),
    404: ('not_found', 'There is nothing at this address'),
    405: ('method_not_allowed', 'This address does not take this method'),
    413: ('too_large', 'The request is too large'),
    415: ('wrong_type', 'The body has the wrong content type'),
    500: ('internal', 'Something went wrong inside; the log of api_node says what'),
}
