/* Cameras: registered, described, switched, given another key, and closed. */
#ifndef MMOMENT_CAMERAS_H
#define MMOMENT_CAMERAS_H

#include "calls.h"
#include "events.h"

/* What a person sees of a camera, the same in `register_camera` and `update_camera`. */
SHARED u64 take_description(struct camera *camera) {
    u64 length = 0;
    const u8 *at = take_counted(1, NAME_BYTES, &length);
    REQUIRE(at && length, WRONG_DATA);
    sol_memset_(camera->name, 0, NAME_BYTES);
    sol_memcpy_(camera->name, at, length);
    camera->name_length = length;
    at = take_counted(1, MODEL_BYTES, &length);
    REQUIRE(at, WRONG_DATA);
    sol_memset_(camera->model, 0, MODEL_BYTES);
    sol_memcpy_(camera->model, at, length);
    camera->model_length = length;
    at = take_counted(1, ADDRESS_BYTES, &length);
    REQUIRE(at, WRONG_DATA);
    sol_memset_(camera->address, 0, ADDRESS_BYTES);
    sol_memcpy_(camera->address, at, length);
    camera->address_length = length;
    at = take(9);
    REQUIRE(at && at[8] <= 1 && is_read_to_end(), WRONG_DATA);
    camera->features = word(at, 0);
    camera->closed_list = at[8];
    camera->changed_s = now_s();
    return OK;
}

/* Accounts: camera, device (signs), owner (signs), payer (signs), system program.
 * Data: mode, name, model, address, features, closed list. */
static u64 register_camera(void) {
    struct account *made = account(0), *device = account(1), *owner = account(2), *payer = account(3);
    REQUIRE(WORK->input.count == 5, WRONG_ACCOUNTS);
    const u8 *mode = take(1);
    REQUIRE(mode && *mode <= PUBLIC, WRONG_DATA);
    REQUIRE(device->signer && owner->signer, MISSING_SIGNATURE);
    struct slice seeds[3] = {{"camera", 6}, {device->key, KEY_BYTES}, {0, 0}};
    TRY(make(made, payer, sizeof(struct camera), seeds, 3));
    struct camera *camera = (struct camera *)made->data;
    camera->tag = CAMERA_TAG;
    camera->layout = LAYOUT;
    camera->bump = WORK->bump;
    camera->active = 1;
    camera->mode = *mode;
    copy_key(camera->id, device->key);
    copy_key(camera->owner, owner->key);
    copy_key(camera->device, device->key);
    copy_key(camera->payer, payer->key);
    camera->registered_s = now_s();
    TRY(take_description(camera));
    begin_event(CAMERA_REGISTERED);
    put(made->key, KEY_BYTES);
    put(camera->owner, KEY_BYTES);
    put(camera->device, KEY_BYTES);
    put(mode, 1);
    return end_event();
}

SHARED u64 camera_and_owner(struct camera **camera) {
    TRY(camera_of(account(0), camera));
    return needs_signature(account(1), (*camera)->owner);
}

SHARED u64 tell_updated(const struct camera *camera) {
    begin_event(CAMERA_UPDATED);
    put(account(0)->key, KEY_BYTES);
    put(&camera->active, 1);
    put(&camera->closed_list, 1);
    return end_event();
}

/* Accounts: camera, owner (signs). Data: name, model, address, features, closed list. */
static u64 update_camera(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(camera_and_owner(&camera));
    TRY(take_description(camera));
    return tell_updated(camera);
}

/* Accounts: camera, owner (signs). Data: whether it takes check-ins. */
static u64 set_active(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(camera_and_owner(&camera));
    const u8 *active = take(1);
    REQUIRE(active && *active <= 1 && is_read_to_end(), WRONG_DATA);
    camera->active = *active;
    camera->changed_s = now_s();
    return tell_updated(camera);
}

/* Accounts: camera, owner (signs), the new device key (signs). */
static u64 rotate_device(void) {
    struct camera *camera;
    struct account *device = account(2);
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_and_owner(&camera));
    REQUIRE(device->signer, MISSING_SIGNATURE);
    copy_key(camera->device, device->key);
    camera->changed_s = now_s();
    begin_event(DEVICE_ROTATED);
    put(account(0)->key, KEY_BYTES);
    put(device->key, KEY_BYTES);
    return end_event();
}

/* Accounts: camera, owner (signs), who paid for it. Nothing else of the camera may exist. */
static u64 close_camera(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_and_owner(&camera));
    REQUIRE(!camera->sessions && !camera->grants, STILL_IN_USE);
    begin_event(CAMERA_CLOSED);
    put(account(0)->key, KEY_BYTES);
    put_word(camera->log_count);
    put(camera->log_head, KEY_BYTES);
    end_event();
    return close_to(account(0), account(2), camera->payer);
}

#endif
