/* Events: as Anchor writes them, in one piece of log data. */
#ifndef MMOMENT_EVENTS_H
#define MMOMENT_EVENTS_H

#include "work.h"

enum event {
    CAMERA_REGISTERED = 0x5136102bdecbf020ULL,
    CAMERA_UPDATED = 0x524f7859d0d987ceULL,
    CAMERA_CLOSED = 0x7bdd3d7a550e4a14ULL,
    DEVICE_ROTATED = 0x41af418b40ef2293ULL,
    ACCESS_GRANTED = 0xb93e1ac6c053d415ULL,
    ACCESS_REVOKED = 0x9f2ba5c92b49a0c8ULL,
    CHECKED_IN = 0x96d454c4f4c650d3ULL,
    CHECKED_OUT = 0x4a2f74f1bc2eb56bULL,
    LOG_APPENDED = 0x0e68828670e94153ULL,
    FACE_SEALED = 0x6315911a46fb3e4bULL,
    FACE_CLOSED = 0x7ffda70ae8fa1454ULL,
};

SHARED void put(const void *at, u64 length) {
    struct work *work = WORK;
    sol_memcpy_(work->event + work->event_length, at, length);
    work->event_length += length;
}

SHARED void put_word(u64 value) { put(&value, 8); }

SHARED void begin_event(u64 event) {
    WORK->event_length = 0;
    put_word(event);
}

SHARED u64 end_event(void) {
    struct slice part = {WORK->event, WORK->event_length};
    sol_log_data(&part, 1);
    return OK;
}

#endif
