"""Shuts an ext4 file system down as a power cut would.

power_cut.py PATH, any path on it: nothing is written any more, not even the file system's journal.
"""

import fcntl
import os
import struct
import sys

# linux/ext4.h: _IOR('X', 125, __u32), and a flag: don't flush the log first.
EXT4_IOC_SHUTDOWN = 0x8004587D
EXT4_GOING_FLAGS_NOLOGFLUSH = 2

folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", EXT4_GOING_FLAGS_NOLOGFLUSH))
