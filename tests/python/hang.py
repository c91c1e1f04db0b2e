"""Has whoever opens these files or folders, or a file in these folders, wait until this ends.

hang.py PATH...: as on a disk that doesn't answer; a process that waits so can be killed. Says "ready", and then the
id of each process that waits.
"""

import ctypes
import os
import struct
import sys

# linux/fanotify.h
FAN_CLASS_CONTENT = 0x4
FAN_MARK_ADD = 0x1
FAN_OPEN_PERM = 0x10000
FAN_EVENT_ON_CHILD = 0x8000000
FAN_ONDIR = 0x40000000
AT_FDCWD = -100
# event_len, vers, reserved, metadata_len, mask, fd, pid
EVENT = struct.Struct("=IBBHQii")

libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel has no say in opens here")
    return result


events = checked(libc.fanotify_init(FAN_CLASS_CONTENT, os.O_RDONLY))
mask = ctypes.c_uint64(FAN_OPEN_PERM | FAN_EVENT_ON_CHILD | FAN_ONDIR)
for path in sys.argv[1:]:
    checked(libc.fanotify_mark(events, FAN_MARK_ADD, mask, AT_FDCWD, os.fsencode(path)))
print("ready", flush=True)
while True:
    octets = os.read(events, 4096)
    while octets:
        length, _, _, _, _, file, process = EVENT.unpack_from(octets)
        os.close(file)
        print(process, flush=True)
        octets = octets[length:]
