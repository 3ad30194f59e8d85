/* What the program keeps. Each account begins with its tag, the first eight bytes of sha256("account:NAME"). */
#ifndef MMOMENT_ACCOUNTS_H
#define MMOMENT_ACCOUNTS_H

#include "runtime.h"

#define CAMERA_TAG 0x7fca31820d97b51eULL
#define SESSION_TAG 0x9048bcd6734851f3ULL
#define GRANT_TAG 0x36cd87cccd0ba6a1ULL
#define FACE_TAG 0xccc8e803e31ce462ULL
#define LAYOUT 1

#define NAME_BYTES 64
#define MODEL_BYTES 32
#define ADDRESS_BYTES 128
#define RECORD_KINDS 8
#define FACE_AT_MOST_BYTES 8192
#define RECORD_BYTES (1 + 8 + KEY_BYTES)
#define RECORDS_AT_MOST 20
#define RIGHTS_KNOWN 0x7fu

enum mode { PRIVATE = 0, PUBLIC = 1 };

/* The structs are the format, without gaps: clients read the same. Times are seconds since 1970. */

struct camera {
    u64 tag;
    u8 layout;
    u8 bump;
    u8 active;
    u8 mode; /* PRIVATE or PUBLIC, for good */
    u8 closed_list; /* only who has a grant may check in */
    u8 padding[3];
    u8 id[KEY_BYTES]; /* the device key it was registered with: names the address for good */
    u8 owner[KEY_BYTES];
    u8 device[KEY_BYTES];
    u8 payer[KEY_BYTES];
    i64 registered_s;
    i64 changed_s;
    u64 features;
    u32 present; /* sessions that are open */
    u32 sessions; /* session accounts that exist */
    u32 grants; /* grant accounts that exist */
    u32 padding_2;
    u64 visits;
    u64 log_count;
    u8 log_head[KEY_BYTES];
    u64 log_counts[RECORD_KINDS];
    i64 log_s;
    u8 name_length, model_length, address_length, padding_3[5];
    u8 name[NAME_BYTES];
    u8 model[MODEL_BYTES];
    u8 address[ADDRESS_BYTES];
};

struct session {
    u64 tag;
    u8 layout;
    u8 bump;
    u8 present;
    u8 reason; /* of the last check-out */
    u8 padding[4];
    u8 camera[KEY_BYTES];
    u8 subject[KEY_BYTES];
    u8 payer[KEY_BYTES];
    u64 visit;
    i64 checked_in_s; /* as the device says */
    i64 checked_out_s;
    i64 expires_s;
    i64 recorded_s; /* as the chain says */
};

struct grant {
    u64 tag;
    u8 layout;
    u8 bump;
    u8 padding[6];
    u8 camera[KEY_BYTES];
    u8 subject[KEY_BYTES];
    u8 payer[KEY_BYTES];
    u32 rights;
    u32 padding_2;
    i64 granted_s;
    i64 expires_s; /* 0: never */
};

struct face {
    u64 tag;
    u8 layout;
    u8 bump;
    u8 sealed;
    u8 number;
    u32 size;
    u8 owner[KEY_BYTES];
    u8 payer[KEY_BYTES];
    u8 digest[KEY_BYTES]; /* SHA-256 of all of it */
    i64 sealed_s;
    u8 content[];
};

_Static_assert(sizeof(struct camera) == 536, "camera");
_Static_assert(sizeof(struct session) == 152, "session");
_Static_assert(sizeof(struct grant) == 136, "grant");
_Static_assert(sizeof(struct face) == 120, "face");

#endif
