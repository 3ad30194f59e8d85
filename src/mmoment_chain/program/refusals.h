/* Why an instruction is refused: the number that the transaction fails with. */
#ifndef MMOMENT_REFUSALS_H
#define MMOMENT_REFUSALS_H

#include "runtime.h"

/* As Anchor's, from 6000 on. Numbers never change once published. */
enum refusal {
    OK = 0,
    WRONG_ACCOUNTS = 6000, /* not as many as the instruction takes, or one that it does not know */
    WRONG_DATA, /* too short, too long, or out of range */
    UNKNOWN_INSTRUCTION,
    MISSING_SIGNATURE,
    NOT_WRITABLE,
    WRONG_ADDRESS, /* not the address that belongs to these fields */
    WRONG_OWNER, /* not an account of this program, or not of this kind */
    WRONG_AUTHORITY, /* signed by somebody who may not */
    ALREADY_THERE,
    ALREADY_DONE, /* this very step is on the chain: nothing is to be done again */
    OUT_OF_ORDER, /* a step between is missing */
    INACTIVE, /* the camera takes no check-ins */
    NO_GRANT,
    GRANT_EXPIRED,
    STILL_PRESENT,
    STILL_IN_USE, /* accounts of the camera exist */
    WRONG_TIME, /* of the device: too far from the chain's */
    WRONG_DIGEST,
    UNKNOWN_RENT, /* the chain told none that can be reckoned with */
    UNKNOWN_TIME,
};

#define TRY(step) do { u64 refusal_ = (step); if (refusal_) return refusal_; } while (0)
#define REQUIRE(condition, refusal) do { if (!(condition)) return (refusal); } while (0)

#endif
