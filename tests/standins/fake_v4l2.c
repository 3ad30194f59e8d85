/* A V4L2 capture device that exists only inside one process, for tests on machines without cameras.
 *
 *   gcc -shared -fPIC -O2 -o fake_v4l2.so fake_v4l2.c -ldl -lpthread
 *   LD_PRELOAD=./fake_v4l2.so FAKE_V4L2_PATH=/dev/video77 FAKE_V4L2_CONTROL=control.txt \
 *   FAKE_V4L2_MJPG=pictures.mjpg FAKE_V4L2_YUYV=pictures.yuyv program
 *
 * The handle is an eventfd, so that poll() and select() work by themselves. A picture file holds
 * pictures one after another, each a 32-bit length in the machine's byte order and the bytes; a
 * format without a file is not offered. FAKE_V4L2_SIZE (640x360) is the only size,
 * FAKE_V4L2_FPS_MJPG and FAKE_V4L2_FPS_YUYV (30) the rates. The control file's first letter rules,
 * looked at before every picture and every call: o(k), s(tall), u(nplugged), b(usy).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HANDLES 32
#define BUFFERS 8
#define FORMATS 2

typedef struct {
    uint32_t fourcc;
    const char *name;
    unsigned fps, frames;
    unsigned char **data;
    uint32_t *size;
} Format;

typedef struct {
    int fd; /* 0: free */
    int streaming, format, buffers;
    unsigned char *memory[BUFFERS];
    struct v4l2_buffer info[BUFFERS];
    int queued[BUFFERS], queued_count;
    int done[BUFFERS], done_count;
    unsigned sequence;
    pthread_t thread;
} Handle;

static Format formats[FORMATS];
static int format_count;
static unsigned width = 640, height = 360, buffer_bytes;
static Handle handles[HANDLES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_ioctl)(int, unsigned long, ...);
static int (*real_close)(int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

static void load_format(const char *file_variable, const char *fps_variable, const char *name)
{
    const char *path = getenv(file_variable), *fps = getenv(fps_variable);
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file)
        return;
    Format *format = &formats[format_count++];
    format->fourcc = v4l2_fourcc(name[0], name[1], name[2], name[3]);
    format->name = name;
    format->fps = fps ? atoi(fps) : 30;
    uint32_t size;
    while (fread(&size, sizeof size, 1, file) == 1) {
        unsigned n = format->frames++;
        format->data = realloc(format->data, (n + 1) * sizeof *format->data);
        format->size = realloc(format->size, (n + 1) * sizeof *format->size);
        format->data[n] = malloc(size);
        format->size[n] = size;
        if (fread(format->data[n], 1, size, file) != size)
            abort();
        if (size > buffer_bytes)
            buffer_bytes = size;
    }
    fclose(file);
}

static void set_up(void)
{
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_ioctl = dlsym(RTLD_NEXT, "ioctl");
    real_close = dlsym(RTLD_NEXT, "close");
    real_mmap = dlsym(RTLD_NEXT, "mmap64");
    const char *size = getenv("FAKE_V4L2_SIZE");
    if (size)
        sscanf(size, "%ux%u", &width, &height);
    buffer_bytes = width * height * 2;
    load_format("FAKE_V4L2_YUYV", "FAKE_V4L2_FPS_YUYV", "YUYV");
    load_format("FAKE_V4L2_MJPG", "FAKE_V4L2_FPS_MJPG", "MJPG");
    buffer_bytes = (buffer_bytes + 4095) & ~4095u;
}

static char condition(void)
{
    char letter = 'o';
    const char *path = getenv("FAKE_V4L2_CONTROL");
    int fd = path ? real_open(path, O_RDONLY) : -1;
    if (fd >= 0) {
        if (read(fd, &letter, 1) != 1)
            letter = 'o';
        real_close(fd);
    }
    return letter;
}

static Handle *find(int fd)
{
    if (fd > 0)
        for (int i = 0; i < HANDLES; i++)
            if (handles[i].fd == fd)
                return &handles[i];
    return NULL;
}

static void fill(Handle *handle)
{
    Format *format = &formats[handle->format];
    unsigned n = handle->sequence++;
    if (!handle->queued_count)
        return; /* the reader is slow: this picture is lost, as in hardware */
    int index = handle->queued[0];
    memmove(handle->queued, handle->queued + 1, --handle->queued_count * sizeof(int));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct v4l2_buffer *info = &handle->info[index];
    info->sequence = n;
    info->bytesused = format->size[n % format->frames];
    info->timestamp.tv_sec = now.tv_sec;
    info->timestamp.tv_usec = now.tv_nsec / 1000;
    info->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    info->field = V4L2_FIELD_NONE;
    memcpy(handle->memory[index], format->data[n % format->frames], info->bytesused);
    handle->done[handle->done_count++] = index;
    eventfd_write(handle->fd, 1);
}

static void *deliver(void *argument)
{
    Handle *handle = argument;
    int fd = handle->fd;
    for (;;) {
        usleep(1000000 / formats[handle->format].fps);
        char now = condition();
        pthread_mutex_lock(&lock);
        int goes_on = handle->fd == fd && handle->streaming;
        if (goes_on && now == 'o')
            fill(handle);
        if (goes_on && now == 'u')
            eventfd_write(fd, 1); /* wakes the waiting reader, whose call then fails */
        pthread_mutex_unlock(&lock);
        if (!goes_on)
            return NULL;
    }
}

static int opened(const char *path)
{
    pthread_once(&once, set_up);
    const char *mine = getenv("FAKE_V4L2_PATH");
    if (!mine || !path || strcmp(path, mine) || !format_count)
        return -2;
    if (condition() == 'u') {
        errno = ENOENT;
        return -1;
    }
    pthread_mutex_lock(&lock);
    int fd = -1;
    errno = EMFILE;
    for (int i = 0; i < HANDLES && fd < 0; i++)
        if (!handles[i].fd) {
            fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC);
            memset(&handles[i], 0, sizeof handles[i]);
            handles[i].fd = fd;
        }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN_BODY(call)                                                                            \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    mode_t mode = va_arg(arguments, mode_t);                                                       \
    va_end(arguments);                                                                             \
    int fd = opened(path);                                                                         \
    return fd != -2 ? fd : call

int open(const char *path, int flags, ...) { OPEN_BODY(real_open(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPEN_BODY(real_open(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { OPEN_BODY(real_openat(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { OPEN_BODY(real_openat(at, path, flags, mode)); }

int __open_2(const char *path, int flags) { return open(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open(path, flags, 0); }

int close(int fd)
{
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    Handle *handle = find(fd);
    pthread_t thread = 0;
    if (handle) {
        thread = handle->streaming ? handle->thread : 0;
        handle->streaming = 0;
        handle->fd = 0;
    }
    pthread_mutex_unlock(&lock);
    if (thread)
        pthread_join(thread, NULL);
    return real_close(fd);
}

static void *mapped(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    pthread_once(&once, set_up);
    Handle *handle = find(fd);
    if (!handle)
        return real_mmap(address, length, protection, flags, fd, offset);
    unsigned index = offset / buffer_bytes;
    handle->memory[index] = real_mmap(NULL, length, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return handle->memory[index];
}

void *mmap(void *a, size_t n, int p, int f, int fd, off_t o) { return mapped(a, n, p, f, fd, o); }
void *mmap64(void *a, size_t n, int p, int f, int fd, off_t o) { return mapped(a, n, p, f, fd, o); }

static int fail(int reason)
{
    errno = reason;
    return -1;
}

static int describe(unsigned long request, void *argument)
{
    if (request == VIDIOC_QUERYCAP) {
        struct v4l2_capability *capability = argument;
        memset(capability, 0, sizeof *capability);
        strcpy((char *)capability->driver, "standin");
        strcpy((char *)capability->card, "Stand-in camera");
        capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    if (request == VIDIOC_ENUM_FMT) {
        struct v4l2_fmtdesc *description = argument;
        if (description->index >= (unsigned)format_count)
            return fail(EINVAL);
        description->pixelformat = formats[description->index].fourcc;
        strcpy((char *)description->description, formats[description->index].name);
        return 0;
    }
    if (request == VIDIOC_ENUM_FRAMESIZES) {
        struct v4l2_frmsizeenum *size = argument;
        if (size->index)
            return fail(EINVAL);
        size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        size->discrete.width = width;
        size->discrete.height = height;
        return 0;
    }
    struct v4l2_frmivalenum *interval = argument;
    for (int i = 0; i < format_count; i++)
        if (formats[i].fourcc == interval->pixel_format && !interval->index &&
            interval->width == width && interval->height == height) {
            interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
            interval->discrete.numerator = 1;
            interval->discrete.denominator = formats[i].fps;
            return 0;
        }
    return fail(EINVAL);
}

static int configure(Handle *handle, unsigned long request, void *argument)
{
    if (request == VIDIOC_G_PARM || request == VIDIOC_S_PARM) {
        struct v4l2_streamparm *parameters = argument;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parameters->parm.capture.timeperframe.numerator = 1;
        parameters->parm.capture.timeperframe.denominator = formats[handle->format].fps;
        return 0;
    }
    struct v4l2_format *format = argument;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
        return fail(EINVAL);
    int chosen = handle->format;
    if (request != VIDIOC_G_FMT)
        for (int i = 0; i < format_count; i++)
            if (formats[i].fourcc == format->fmt.pix.pixelformat)
                chosen = i;
    if (request == VIDIOC_S_FMT)
        handle->format = chosen;
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
    format->fmt.pix.pixelformat = formats[chosen].fourcc;
    format->fmt.pix.field = V4L2_FIELD_NONE;
    format->fmt.pix.bytesperline = formats[chosen].name[0] == 'Y' ? width * 2 : 0;
    format->fmt.pix.sizeimage = buffer_bytes;
    return 0;
}

static int request_buffers(Handle *handle, struct v4l2_requestbuffers *request)
{
    for (int i = 0; i < HANDLES; i++)
        if (handles[i].fd && &handles[i] != handle && handles[i].buffers && request->count)
            return fail(EBUSY);
    if (condition() == 'b' && request->count)
        return fail(EBUSY);
    if (request->memory != V4L2_MEMORY_MMAP)
        return fail(EINVAL);
    if (request->count > BUFFERS)
        request->count = BUFFERS;
    handle->buffers = request->count;
    handle->queued_count = handle->done_count = 0;
    return 0;
}

static int stream(Handle *handle, unsigned long request, void *argument)
{
    struct v4l2_buffer *buffer = argument;
    if (request == VIDIOC_STREAMON) {
        if (!handle->streaming) {
            handle->streaming = 1;
            pthread_create(&handle->thread, NULL, deliver, handle);
        }
        return 0;
    }
    if (request == VIDIOC_STREAMOFF) {
        if (handle->streaming) {
            handle->streaming = 0;
            pthread_mutex_unlock(&lock);
            pthread_join(handle->thread, NULL);
            pthread_mutex_lock(&lock);
        }
        eventfd_t ignored;
        while (eventfd_read(handle->fd, &ignored) == 0)
            ;
        handle->queued_count = handle->done_count = 0;
        return 0;
    }
    if (request == VIDIOC_DQBUF) {
        eventfd_t ignored;
        if (eventfd_read(handle->fd, &ignored) || !handle->done_count)
            return fail(EAGAIN);
        int index = handle->done[0];
        memmove(handle->done, handle->done + 1, --handle->done_count * sizeof(int));
        *buffer = handle->info[index];
        return 0;
    }
    if ((int)buffer->index >= handle->buffers)
        return fail(EINVAL);
    if (request == VIDIOC_QUERYBUF) {
        buffer->length = buffer_bytes;
        buffer->m.offset = buffer->index * buffer_bytes;
        buffer->memory = V4L2_MEMORY_MMAP;
        handle->info[buffer->index] = *buffer;
        return 0;
    }
    handle->queued[handle->queued_count++] = buffer->index; /* VIDIOC_QBUF */
    return 0;
}

static int answer(Handle *handle, unsigned long request, void *argument)
{
    if (condition() == 'u')
        return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP:
    case VIDIOC_ENUM_FMT:
    case VIDIOC_ENUM_FRAMESIZES:
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return describe(request, argument);
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT:
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
        return configure(handle, request, argument);
    case VIDIOC_REQBUFS:
        return request_buffers(handle, argument);
    case VIDIOC_QUERYBUF:
    case VIDIOC_QBUF:
    case VIDIOC_DQBUF:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return stream(handle, request, argument);
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_S_INPUT:
        return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        if (input->index)
            return fail(EINVAL);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        strcpy((char *)input->name, "camera");
        return 0;
    }
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    pthread_once(&once, set_up);
    if (!find(fd))
        return real_ioctl(fd, request, argument);
    pthread_mutex_lock(&lock);
    Handle *handle = find(fd);
    int result = handle ? answer(handle, request & 0xffffffffUL, argument) : fail(EBADF);
    pthread_mutex_unlock(&lock);
    return result;
}
