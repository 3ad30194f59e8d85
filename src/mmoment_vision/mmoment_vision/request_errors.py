"""Why a request about faces is refused, beside the reasons of enrolment itself."""

BUSY, NO_MODEL, BAD_IDENTITY, NO_PICTURE = 'busy', 'no_model', 'bad_identity', 'no_picture'
TOO_MANY_REQUESTS, STOPPING = 'too_many_requests', 'stopping'
BAD_RECORD, NO_KEYS = 'bad_record', 'no_keys'

REQUEST_ERRORS = {
    BUSY: 'Another enrolment is under way: wait until it ends.',
    NO_MODEL: 'Nobody can be recognised.',
    BAD_IDENTITY: 'The identity must be a wallet address in base58, 32 to 44 characters.',
    NO_PICTURE: 'There is no live picture: see camera_status.',
    TOO_MANY_REQUESTS: 'Other pictures are being looked at: ask again in a moment.',
    STOPPING: 'The camera is being stopped.',
    BAD_RECORD: 'Wallet, model or record of the template is not written as it must be.',
    NO_KEYS: 'The keys of this camera cannot be used.',
}
