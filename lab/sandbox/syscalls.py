"""Forbid a worker the system calls that lead around its limits (Linux seccomp).

The filter is classic BPF, as Documentation/userspace-api/seccomp_filter.rst of the
Linux kernel describes it; a process and its children never get rid of it. The binding
on PyPI, pyseccomp, needs libseccomp.so of the system, which pip cannot install.
"""

import ctypes
import errno
import platform
from struct import pack

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_MODE_FILTER = 2
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where struct seccomp_data has them
CLONE_NEWUSER, AF_UNIX, SHARED_ANONYMOUS = 0x10000000, 1, 0x21
BUFFER_SIZES = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF, and for privileged users
F_SETPIPE_SZ = 1031
X32 = 0x40000000  # x86-64 system calls under other numbers begin here

# The numbers of system calls on x86_64 and on aarch64, from <asm/unistd.h>.
CALLS = {
    "mmap": (9, 222),
    "shmget": (29, 194),
    "socket": (41, 198),
    "setsockopt": (54, 208),
    "fcntl": (72, 25),
    "clone": (56, 220),
    "msgget": (68, 186),
    "ptrace": (101, 117),
    "unshare": (272, 97),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "memfd_create": (319, 279),
    "io_uring_setup": (425, 425),
    "clone3": (435, 435),
    "memfd_secret": (447, 447),
}
MACHINES = {  # the value of AUDIT_ARCH, and the numbers
    "x86_64": (0xC000003E, {name: x86 for name, (x86, _) in CALLS.items()}),
    "aarch64": (0xC00000B7, {name: arm for name, (_, arm) in CALLS.items()}),
}
REFUSED = (
    # A namespace of its own would give file systems without a size.
    *("unshare", "setns"),
    # Memory that no process is seen to hold, so that nobody can watch it.
    *("memfd_create", "memfd_secret", "shmget", "msgget"),
    # Other processes of the same user, where no namespace hides them.
    *("ptrace", "process_vm_readv", "process_vm_writev"),
    # Opens files and sockets without the calls that are watched here.
    "io_uring_setup",
)


def forbid() -> None:
    """Put the filter on this process and all that it will start.

    Raises
    ------
    OSError
        If the kernel refuses, or the machine's numbers are not known here.
    """
    content = _program(platform.machine())
    code = ctypes.create_string_buffer(content)
    address = pack("HxxxxxxP", len(content) // 8, ctypes.addressof(code))
    control(PR_SET_NO_NEW_PRIVS, 1)
    control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(address))


def control(option: int, *arguments) -> None:
    """Call prctl of the C library.

    Parameters
    ----------
    option : int
        A constant PR_... of <linux/prctl.h>.
    *arguments : int or ctypes array
        What the option wants.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    library = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    zeros = [ctypes.c_ulong(0)] * (4 - len(wide))
    if library.prctl(ctypes.c_int(option), *wide, *zeros):
        raise OSError(ctypes.get_errno(), f"prctl {option} is refused here")


def _program(machine: str) -> bytes:
    """Assemble the filter: refuse what is listed, allow the rest."""
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    architecture, numbers = MACHINES[machine]
    rules = [
        *[_refuse(numbers[name]) for name in REFUSED],
        # The C library falls back on clone, whose flags a filter can read.
        _refuse(numbers["clone3"], ABSENT),
        _refuse_masked(numbers["clone"], 0, CLONE_NEWUSER),
        # No network, also where no namespace takes it away.
        _refuse_if(numbers["socket"], 0, [_step(EQUAL, AF_UNIX, yes=1)]),
        # Buffers in the kernel hold memory that no process is seen to hold.
        *[_refuse_equal(numbers["setsockopt"], 2, size) for size in BUFFER_SIZES],
        _refuse_equal(numbers["fcntl"], 1, F_SETPIPE_SZ),
        # Shared memory without a file can be filled and then hidden from the watcher.
        _refuse_masked(numbers["mmap"], 3, SHARED_ANONYMOUS),
    ]
    return b"".join([_only(architecture), *rules, _step(RETURN, ALLOW)])


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """Encode one instruction; `yes` and `no` are how many to skip."""
    return pack("HBBI", code, yes, no, value)


def _only(architecture: int) -> bytes:
    """Refuse calls in another architecture's numbers, then load the number."""
    steps = [_step(LOAD, ARCHITECTURE), _step(EQUAL, architecture, yes=1)]
    steps += [_step(RETURN, REFUSE), _step(LOAD, NUMBER)]
    steps += [_step(AT_LEAST, X32, no=1), _step(RETURN, REFUSE)]
    return b"".join(steps)


def _refuse(number: int, answer: int = REFUSE) -> bytes:
    return _step(EQUAL, number, no=1) + _step(RETURN, answer)


def _refuse_equal(number: int, argument: int, value: int) -> bytes:
    """Refuse a call if an argument has this value."""
    return _refuse_if(number, argument, [_step(EQUAL, value, no=1)])


def _refuse_masked(number: int, argument: int, bits: int) -> bytes:
    """Refuse a call if all these bits of an argument are set."""
    return _refuse_if(number, argument, [_step(AND, bits), _step(EQUAL, bits, no=1)])


def _refuse_if(number: int, argument: int, test: list[bytes]) -> bytes:
    """Refuse a call by a test of an argument's low half, or load the number again."""
    load = _step(LOAD, ARGUMENTS + 8 * argument)
    steps = [load, *test, _step(RETURN, REFUSE), _step(LOAD, NUMBER)]
    return _step(EQUAL, number, no=len(steps)) + b"".join(steps)
