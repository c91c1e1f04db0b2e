#!/usr/bin/python3
"""How long commands take, from exec to end, one after the other: a JSON list of them comes in, one of milliseconds goes out."""

import json
import subprocess
import sys
import time

took = []
for command in json.load(sys.stdin):
    began = time.perf_counter()
    # Without what subprocess would do to file descriptors, which takes longer than the command's start.
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, close_fds=False)
    took.append((time.perf_counter() - began) * 1e3)
    # 1: nothing was found.
    if ended.returncode not in (0, 1):
        sys.exit(f"{command}: {ended.returncode}: {ended.stderr.decode()}")
json.dump(took, sys.stdout)
