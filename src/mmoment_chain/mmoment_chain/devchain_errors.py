"""What the dev chain answers instead of a result, in the codes and words that clients of Solana know."""

from __future__ import annotations

import re
from typing import Any

from mmoment_chain.errors import ChainError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
PREFLIGHT_FAILURE = -32002
SIGNATURE_VERIFICATION_FAILURE = -32003
BLOCK_NOT_AVAILABLE = -32004
NODE_UNHEALTHY = -32005
SLOT_SKIPPED = -32009
NO_SNAPSHOT = -32008
UNSUPPORTED_VERSION = -32015
MIN_CONTEXT_SLOT = -32016

# Texts that programs and people look for; the other errors are told by their name.
_TEXTS = {
    'AccountInUse': 'Account in use',
    'AccountNotFound': 'Attempt to debit an account but found no record of a prior credit.',
    'ProgramAccountNotFound': 'Attempt to load a program that does not exist',
    'InsufficientFundsForFee': 'Insufficient funds for fee',
    'InvalidAccountForFee': 'This account may not be used to pay transaction fees',
    'AlreadyProcessed': 'This transaction has already been processed',
    'BlockhashNotFound': 'Blockhash not found',
    'SignatureFailure': 'Transaction did not pass signature verification',
    'InvalidProgramForExecution': 'This program may not be used for executing instructions',
    'SanitizeFailure': 'Transaction failed to sanitize accounts offsets correctly',
    'AddressLookupTableNotFound': "Transaction loads an address table account that doesn't exist",
    'InvalidAddressLookupTableIndex': 'Transaction address table lookup uses an invalid index',
    'InvalidAddressLookupTableData': 'Transaction loads an address table account with invalid data',
    'InvalidAddressLookupTableOwner': (
        'Transaction loads an address table account with an invalid owner'
    ),
}


class DevchainError(ChainError):
    """The dev chain cannot start or go on; the text says what to do."""


class RpcError(ChainError):
    """The answer to a call is an error. `data`: what belongs to its code, None for nothing."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f'{code}: {message}')

    def to_json(self) -> dict[str, Any]:
        """The error object of JSON-RPC."""
        body: dict[str, Any] = {'code': self.code, 'message': self.message}
        if self.data is not None:
            body['data'] = self.data
        return body


def invalid(message: str) -> RpcError:
    """The parameters of a call are not what it takes."""
    return RpcError(INVALID_PARAMS, f'Invalid params: {message}')


def transaction_error_text(error: Any) -> str:
    """One sentence for the error of a transaction in its JSON form."""
    if isinstance(error, str):
        return _TEXTS.get(error, _spelled(error))
    if isinstance(error, dict) and 'InstructionError' in error:
        index, reason = error['InstructionError']
        return f'Error processing Instruction {index}: {_instruction_text(reason)}'
    return _spelled(next(iter(error))) if isinstance(error, dict) and error else str(error)


def _instruction_text(reason: Any) -> str:
    if isinstance(reason, dict) and 'Custom' in reason:
        return f'custom program error: {reason["Custom"]:#x}'
    return _spelled(reason if isinstance(reason, str) else next(iter(reason)))


def _spelled(name: str) -> str:
    """`InvalidAccountData` as words."""
    return re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', name).capitalize()
