"""Shuts an ext4 file system down as a power cut would, and the processes with it.

power_cut.py PATH PID..., any path on it: nothing is written any more, not even the file system's journal.
Prints when it was, in nanoseconds since 1970. The processes get SIGKILL in the next instant: they would have
had no power either.
"""

import fcntl
import os
import signal
import struct
import sys
import time

# linux/ext4.h: _IOR('X', 125, __u32), and a flag: don't flush the log first.
EXT4_IOC_SHUTDOWN = 0x8004587D
EXT4_GOING_FLAGS_NOLOGFLUSH = 2

folder = os.open(sys.argv[1], os.O_RDONLY)
flag = struct.pack("I", EXT4_GOING_FLAGS_NOLOGFLUSH)
processes = [int(process) for process in sys.argv[2:]]

now = time.time_ns()
fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, flag)
for process in processes:
    os.kill(process, signal.SIGKILL)
print(now)
