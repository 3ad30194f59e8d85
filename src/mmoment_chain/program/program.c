/* The camera registry: cameras, who is checked in, who may, a hash-chained log, and face templates.
 *
 * Every instruction has a fixed list of accounts, told in `instructions` of the interface description. An
 * account that an instruction does not need this time is given as the program itself. Accounts of ours are
 * known by owner and tag: only `make` gives an account to this program with a tag in it, and only at the
 * address that belongs to its fields.
 *
 * Whoever reads this for holes: begin with `camera_of`, `make` and `close_to`.
 */
#include "cameras.h"
#include "faces.h"
#include "grants.h"
#include "log.h"
#include "sessions.h"

enum instruction {
    REGISTER_CAMERA = 0x3e568266cf90a1a9ULL,
    UPDATE_CAMERA = 0x0765b9065a9156f0ULL,
    SET_ACTIVE = 0x21ced82684e1101dULL,
    ROTATE_DEVICE = 0xbf737fff6a5c342bULL,
    CLOSE_CAMERA = 0xe1706bffc0f730caULL,
    GRANT = 0x6b4ce7a19944bd91ULL,
    REVOKE = 0xf25dad85221f17aaULL,
    CHECK_IN = 0x32cff1fad904fdd1ULL,
    CHECK_OUT = 0xbac91ed562c3453bULL,
    CLOSE_SESSION = 0xd3f826de8cb27244ULL,
    APPEND_LOG = 0xcf59056a706b7859ULL,
    OPEN_FACE = 0xf28bd77650aca2aaULL,
    WRITE_FACE = 0x94a5062084d13024ULL,
    SEAL_FACE = 0x2f71e919a34448c5ULL,
    CLOSE_FACE = 0xa8f9973bf9da66e2ULL,
};

static u64 dispatch(u64 instruction) {
    if (instruction == REGISTER_CAMERA) return register_camera();
    if (instruction == UPDATE_CAMERA) return update_camera();
    if (instruction == SET_ACTIVE) return set_active();
    if (instruction == ROTATE_DEVICE) return rotate_device();
    if (instruction == CLOSE_CAMERA) return close_camera();
    if (instruction == GRANT) return grant_access();
    if (instruction == REVOKE) return revoke_access();
    if (instruction == CHECK_IN) return check_in();
    if (instruction == CHECK_OUT) return check_out();
    if (instruction == CLOSE_SESSION) return close_session();
    if (instruction == APPEND_LOG) return append_log();
    if (instruction == OPEN_FACE) return open_face();
    if (instruction == WRITE_FACE) return write_face();
    if (instruction == SEAL_FACE) return seal_face();
    if (instruction == CLOSE_FACE) return close_face();
    return UNKNOWN_INSTRUCTION;
}

u64 entrypoint(u8 *input) {
    struct work *work = WORK;
    REQUIRE(read_input(input, &work->input), WRONG_ACCOUNTS);
    const u8 *instruction = take(8);
    REQUIRE(instruction, UNKNOWN_INSTRUCTION);
    REQUIRE(!sol_get_clock_sysvar(&work->clock), UNKNOWN_TIME);
    return dispatch(word(instruction, 0));
}
