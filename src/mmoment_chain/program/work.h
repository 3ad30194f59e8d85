/* What the program works on: its input, read piece by piece, and room for all that it writes. */
#ifndef MMOMENT_WORK_H
#define MMOMENT_WORK_H

#include "refusals.h"

static const u8 SYSTEM_PROGRAM[KEY_BYTES] = {0};

/* All that is written while it runs; the heap is zero at the start and of this call alone. */
struct work {
    struct input input;
    struct clock clock;
    struct rent rent;
    u8 address[KEY_BYTES];
    u8 bump;
    struct info infos[2];
    u8 command[64];
    u8 digest[KEY_BYTES];
    u64 event_length;
    u8 event[1024];
};
#define WORK ((struct work *)0x300000000ULL)

SHARED const u8 *take(u64 length) {
    struct input *input = &WORK->input;
    if (length > input->length) return 0;
    const u8 *at = input->data;
    input->data += length;
    input->length -= length;
    return at;
}

/* A text or list with a 32-bit count before it; null if there is less, or more than `at_most`. */
SHARED const u8 *take_counted(u64 each, u64 at_most, u64 *count) {
    const u8 *at = take(4);
    if (!at) return 0;
    *count = half_word(at);
    if (*count > at_most) return 0;
    return take(*count * each);
}

INLINE int is_read_to_end(void) { return WORK->input.length == 0; }

#endif
