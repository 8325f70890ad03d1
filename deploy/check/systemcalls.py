#!/usr/bin/env python3
"""Runs a program under the system call filter of a unit, without systemd running.

systemcalls.py UNIT PROGRAM [ARGUMENT...]
systemcalls.py --require-idle UNIT PROGRAM [ARGUMENT...]

The filter is made of SystemCallFilter, SystemCallErrorNumber=EPERM, RestrictRealtime, RestrictAddressFamilies and
MemoryDenyWriteExecute. With --require-idle, the check fails unless a thread of the program was seen with SCHED_IDLE.
Needs systemd-analyze and libseccomp.so.2, which are on every Debian that has systemd.
"""
import ctypes
import errno
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ALLOW = 0x7FFF0000
DENY = 0x00050000 | errno.EPERM
EQUAL, MASKED_EQUAL = 4, 7
SCHED_OTHER, SCHED_BATCH, SCHED_IDLE = 0, 3, 5
PROT_WRITE, PROT_EXEC = 2, 4
# systemd.exec(5) names them: always allowed. @default is added to every list of allowed calls.
IMPLICIT = ["@default", "execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"]


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def members(name, known={}):
    """The calls of a set such as @resources."""
    if not name.startswith("@"):
        return {name}
    if name not in known:
        text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
        words = [line.strip() for line in text.splitlines()[1:]]
        known[name] = set().union(*(members(word) for word in words if word and not word.startswith("#")))
    return known[name]


def settings(unit):
    lines = [line.strip() for line in pathlib.Path(unit).read_text().splitlines()]
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith(("#", ";"))]


def allowed_calls(pairs):
    allowed = set().union(*(members(name) for name in IMPLICIT))
    for key, value in pairs:
        if key != "SystemCallFilter":
            continue
        named = set().union(*(members(word) for word in value.removeprefix("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


def restrictions(pairs):
    """For calls whose arguments count: the alternatives that remain allowed, each one comparison."""
    values = dict(pairs)
    limits = {}
    if values.get("RestrictRealtime") == "yes":
        limits["sched_setscheduler"] = [Comparison(1, EQUAL, policy, 0) for policy in (SCHED_OTHER, SCHED_BATCH, SCHED_IDLE)]
    if "RestrictAddressFamilies" in values:
        families = [getattr(socket, name) for name in values["RestrictAddressFamilies"].split()]
        limits["socket"] = [Comparison(0, EQUAL, int(family), 0) for family in families]
    if values.get("MemoryDenyWriteExecute") == "yes":
        both = PROT_WRITE | PROT_EXEC
        limits["mmap"] = [Comparison(2, MASKED_EQUAL, both, part) for part in (0, PROT_WRITE, PROT_EXEC)]
        limits["mprotect"] = [Comparison(2, MASKED_EQUAL, PROT_EXEC, 0)]
        limits["pkey_mprotect"] = limits["mprotect"]
    return limits


def install(pairs):
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison)]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(DENY)
    limits = restrictions(pairs)
    for name in sorted(allowed_calls(pairs)):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue  # Not a call of this architecture.
        for alternative in limits.get(name, [None]):
            comparisons = (Comparison * 1)(alternative) if alternative else None
            code = library.seccomp_rule_add_array(context, ALLOW, number, 1 if alternative else 0, comparisons)
            if code != 0:
                sys.exit(f"cannot add {name} to the filter: {os.strerror(-code)}")
    if (code := library.seccomp_load(context)) != 0:
        sys.exit(f"cannot load the filter: {os.strerror(-code)}")


def idle_threads(pid):
    """Whether a thread of the process has the policy SCHED_IDLE: field 41 of its stat."""
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[38]) == SCHED_IDLE:
            return True
    return False


def main():
    arguments = sys.argv[1:]
    requires_idle = arguments[:1] == ["--require-idle"]
    if requires_idle:
        del arguments[0]
    if len(arguments) < 2 or arguments[0].startswith("-"):
        sys.exit(__doc__)
    pairs = settings(arguments[0])
    child = os.fork()
    if child == 0:
        install(pairs)
        try:
            os.execvp(arguments[1], arguments[1:])
        except OSError as problem:
            os.write(2, f"cannot run {arguments[1]}: {problem}\n".encode())
            os._exit(127)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    seen_idle = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        seen_idle = seen_idle or (requires_idle and idle_threads(child))
        time.sleep(0.01)
    code = os.waitstatus_to_exitcode(status)
    if code == 0 and requires_idle and not seen_idle:
        sys.exit("no thread ran with SCHED_IDLE: trainings would compete with the stream")
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
