"""A V4L2 device of a real kernel: Linux's virtual camera `vivid`, in an emulated machine.

For a nightly job; takes about a minute. Needs qemu-system-x86_64, busybox (static), modprobe, depmod
and cpio (Debian: qemu-system-x86 busybox-static kmod cpio), and in $MMOMENT_CAMERA_KERNEL the name of
a folder into which a Debian kernel package was unpacked:

    apt-get download linux-image-6.1.0-56-amd64
    dpkg -x linux-image-*.deb kernel && depmod -b kernel 6.1.0-56-amd64

The emulated machine reads this one's files and can write none of them.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TOOLS = ('qemu-system-x86_64', 'busybox', 'modprobe', 'cpio')
SEARCH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
KERNEL = os.environ.get('MMOMENT_CAMERA_KERNEL')
MISSING = [tool for tool in TOOLS if shutil.which(tool, path=SEARCH) is None]
MODULES = ('virtio_pci', '9pnet_virtio', '9p', 'vivid')
BOOT_TIMEOUT_S = 300

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(KERNEL is None, reason='nightly: name a kernel in MMOMENT_CAMERA_KERNEL'),
    pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}'),
]

INIT = """\
#!/bin/busybox sh
alias b=/bin/busybox
b mount -t proc proc /proc; b mount -t sysfs sys /sys; b mount -t devtmpfs dev /dev
for name in $(b cat /modules/order); do
  options=
  if [ $name = vivid.ko ]; then options="n_devs=1 node_types=0x1 num_inputs=1 input_types=0"; fi
  b insmod /modules/$name $options
done
b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144 host /host
b mount -t proc proc /host/proc; b mount --bind /dev /host/dev
b cp /guest.py /dev/guest.py
{environment} b chroot /host {python} /dev/guest.py
b poweroff -f
"""

GUEST = """
import fcntl, json, os, struct, time
from mmoment_camera import v4l2_device
from mmoment_camera.errors import SourceError
from mmoment_camera.source import SourceSettings
from mmoment_camera.v4l2_source import V4l2Source

SET_CONTROL = 0xC008561C  # VIDIOC_S_CTRL
QUERY_CONTROL = 3 << 30 | 68 << 16 | ord('V') << 8 | 36  # VIDIOC_QUERYCTRL
NEXT_CONTROL = 0x80000000

def tell(**values):
    print('TOLD ' + json.dumps(values), flush=True)

def controls(handle):
    found, number = {}, 0
    while True:
        entry = bytearray(68)
        struct.pack_into('I', entry, 0, number | NEXT_CONTROL)
        try:
            fcntl.ioctl(handle, QUERY_CONTROL, entry)
        except OSError:
            return found
        number = struct.unpack_from('I', entry)[0]
        found[bytes(entry[8:40]).partition(b'\\0')[0].decode()] = number

def opened():
    source = V4l2Source(path, SourceSettings(width_px=640, height_px=360, fps=30.0))
    source.open()
    source.read()
    return source

def fault_of(source):
    start = time.monotonic()
    try:
        while True:
            source.read()
    except SourceError as error:
        source.close()
        return {'text': str(error), 'seconds': time.monotonic() - start}

(path,) = v4l2_device.list_devices()
offer = v4l2_device.query(path, 640, 360)
tell(step='offer', card=offer.card, rates=offer.rates)
source = opened()
start, ages = time.monotonic(), []
for _ in range(60):
    picture = source.read()
    ages.append((time.monotonic_ns() - picture.monotonic_ns) / 1e6)
tell(step='pictures', fps=60 / (time.monotonic() - start), age_ms=sorted(ages)[30],
     shape=picture.image.shape, format=source.pixel_format)
try:
    opened()
except SourceError as error:
    tell(step='second', text=str(error))
handle = os.open(path, os.O_RDWR)
known = controls(handle)
def cause(name, value):
    fcntl.ioctl(handle, SET_CONTROL, struct.pack('Ii', known[name], value))
cause('Percentage of Dropped Buffers', 100)
tell(step='stall', **fault_of(source))
cause('Percentage of Dropped Buffers', 0)
source = opened()
cause('Inject Fatal Streaming Error', 1)
tell(step='error', **fault_of(source))
source = opened()
cause('Disconnect', 1)
tell(step='disconnect', **fault_of(source))
try:
    opened()
except SourceError as error:
    tell(step='gone', text=str(error))
"""


def image_of(folder):
    """An initial memory disk with the modules, and the kernel that fits."""
    kernel = next(Path(KERNEL).glob('boot/vmlinuz-*'))
    version = kernel.name.removeprefix('vmlinuz-')
    root = folder / 'root'
    for name in ('bin', 'modules', 'host', 'proc', 'sys', 'dev'):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which('busybox', path=SEARCH), root / 'bin' / 'busybox')
    modprobe = shutil.which('modprobe', path=SEARCH)
    order = {}
    for module in MODULES:
        listed = subprocess.run(
            [modprobe, '-d', KERNEL, '-S', version, '--show-depends', module],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for line in listed.splitlines():
            if line.startswith('insmod '):
                order[Path(line.split()[1])] = None
    for path in order:
        shutil.copy(path, root / 'modules')
    (root / 'modules' / 'order').write_text('\n'.join(path.name for path in order))
    (root / 'guest.py').write_text(textwrap.dedent(GUEST))
    environment = {
        'PYTHONPATH': ':'.join(os.path.abspath(path) for path in sys.path if path),
        'PYTHONDONTWRITEBYTECODE': '1',
        'LD_LIBRARY_PATH': os.environ.get('LD_LIBRARY_PATH', ''),
    }
    words = ' '.join(f"{name}='{value}'" for name, value in environment.items())
    init = root / 'init'
    init.write_text(INIT.format(environment=words, python=sys.executable))
    init.chmod(0o755)
    disk = folder / 'disk.cpio'
    names = '\n'.join(str(path.relative_to(root)) for path in sorted(root.rglob('*')))
    with disk.open('wb') as file:
        subprocess.run(
            ['cpio', '-o', '-H', 'newc', '--quiet'],
            cwd=root,
            input=names.encode(),
            stdout=file,
            check=True,
        )
    return kernel, disk


def test_the_kernels_own_camera_is_read_and_its_faults_are_noticed(tmp_path):
    kernel, disk = image_of(tmp_path)
    done = subprocess.run(
        [
            'qemu-system-x86_64',
            *('-m', '1500', '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', disk),
            *('-append', 'console=ttyS0 quiet panic=-1'),
            '-virtfs',
            'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap',
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors='replace',
        timeout=BOOT_TIMEOUT_S,
        check=False,
    )
    told = {}
    for line in done.stdout.splitlines():
        # The firmware's control codes may stand before the first line.
        _, mark, text = line.partition('TOLD ')
        if mark:
            entry = json.loads(text)
            told[entry.pop('step')] = entry
    assert 'gone' in told, done.stdout[-4000:] + done.stderr[-2000:]
    assert told['offer']['card'] == 'vivid'
    assert told['offer']['rates']['YUYV'] > 0
    assert told['pictures']['shape'] == [360, 640, 3]
    assert told['pictures']['format'] == 'YUYV'
    # An emulated machine is slow at times: rates and ages are told, their order is held.
    assert told['pictures']['fps'] > 5
    assert 0 <= told['pictures']['age_ms'] < 500
    assert 'another program' in told['second']['text']
    assert 'no picture for 2 s' in told['stall']['text']
    for step in ('error', 'disconnect'):
        assert 'unplugged or has failed' in told[step]['text']
        assert told[step]['seconds'] < 1.5
    assert 'plug the camera in' in told['gone']['text']
    print({name: told[name] for name in ('pictures', 'stall', 'error', 'disconnect')})
