"""Walls around a worker: bubblewrap, else unshare, else limits alone."""

import os
import shutil
import sys
from pathlib import Path

from utils.files import ROOT

ISOLATIONS = ("bubblewrap", "unshare", "rlimits")  # strongest first
COURSE = Path("/course")  # where bubblewrap shows the course
VENV = Path("/venv")  # and the environment of this Python, which may lie in /tmp
WORK = Path("lab/release/pets")  # where cells run, as for students
# Of lab/ only what a notebook imports and the worker is made of: the master notebook
# beside them has the solutions.
CODE = (
    "utils",
    "data/breeds.csv",
    "lab/__init__.py",
    "lab/cells.py",
    "lab/check.py",
    "lab/questions",
    "lab/sandbox/__init__.py",
    "lab/sandbox/messages.py",
    "lab/sandbox/shell.py",
    "lab/sandbox/syscalls.py",
    "lab/sandbox/worker.py",
)
DRAWN = "data/drawn"
DRAWN_SHOWN = "data/drawn-shown"  # what is seen there: without the test pictures
FEATURES = "data/features"
WRITABLE = ("data", FEATURES, WORK.as_posix(), "home", "tmp")
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime")
# A submission computes on one core: as many are graded at once as there are cores.
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "TF_INTRAOP", "TF_INTEROP")


def command(kind: str, disk: int, pictures, features, user) -> list[str]:
    """Return the command that stands before that of the worker.

    Parameters
    ----------
    kind : str
        One of `ISOLATIONS`.
    disk : int
        Bytes that may be written; bubblewrap alone heeds it.
    pictures : dict of str to Path
        Folders that the worker may read, by the variable that names each.
    features : sequence of Path
        Files of features that it finds in its cache.
    user : int or None
        The user to become, if the grader is root.

    Returns
    -------
    list of str
        Program and arguments.
    """
    walls = []  # rlimits: the worker takes them on by itself
    if kind == "bubblewrap":
        walls = _bubblewrap(disk, pictures, features, user)
    elif kind == "unshare":
        walls = _unshare(user)
    return [*walls, *_become(user)]


def python(kind: str) -> str:
    """Return where a worker finds this Python.

    Parameters
    ----------
    kind : str
        One of `ISOLATIONS`.

    Returns
    -------
    str
        The program.
    """
    inside = Path(sys.executable)
    if kind == "bubblewrap" and inside.is_relative_to(sys.prefix) and _is_venv():
        inside = VENV / inside.relative_to(sys.prefix)
    return str(inside)


def _is_venv() -> bool:
    return sys.prefix != sys.base_prefix


def environment(kind: str, course: Path, pictures: dict[str, Path]) -> dict[str, str]:
    """Return the whole environment of a worker: nothing of the grader's own is in it.

    Parameters
    ----------
    kind : str
        One of `ISOLATIONS`.
    course : Path
        Where the worker sees the course.
    pictures : dict of str to Path
        Where it sees folders of pictures, by variable. Without ``COURSE_DATA`` it has
        the drawn sample.

    Returns
    -------
    dict of str to str
        The variables.
    """
    home = str(course / "home")
    return {
        "PATH": f"{Path(python(kind)).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(course),
        "PYTHONHASHSEED": "0",  # the same submission gives the same grade
        "HOME": home,
        "USER": "student",
        "TMPDIR": str(course / "tmp"),
        "IPYTHONDIR": home,
        "LANG": "C.UTF-8",
        "COURSE_OFFLINE": "1",
        "COURSE_DATA": "sample",
        "COURSE_ENGINE": "framework",  # what OpenVINO converts could not be kept here
        "MPLBACKEND": "agg",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **{f"{library}_NUM_THREADS": "1" for library in THREADS},
        **{variable: str(folder) for variable, folder in pictures.items()},
    }


def inside(variable: str, folder: Path) -> Path:
    """Return the place where bubblewrap shows a folder of pictures.

    Parameters
    ----------
    variable : str
        The environment variable that names it.
    folder : Path
        Where it is outside.

    Returns
    -------
    Path
        The same for every submission. The folder keeps its own name, by which
        `utils.features` knows the pictures.
    """
    return Path("/", variable.lower(), folder.name)


def copy_course(folder: Path, features, user: int | None) -> None:
    """Copy what a worker needs, for an isolation that cannot show it read-only.

    Parameters
    ----------
    folder : Path
        A new folder.
    features : sequence of Path
        As in `command`.
    user : int or None
        Who shall own it; None leaves that as it is.
    """
    for name in WRITABLE:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in filter(lambda name: (ROOT / name).exists(), CODE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    (folder / DRAWN).symlink_to(ROOT / DRAWN_SHOWN)
    for file in features:
        (folder / FEATURES / file.name).symlink_to(file)
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)


def check_readable(folder: Path) -> None:
    """Refuse a folder that a worker could not read.

    Parameters
    ----------
    folder : Path
        Pictures; it may be absent.

    Raises
    ------
    RuntimeError
        As root, whose rights the worker has not, if others may not open the folder.
    """
    shut = folder.exists() and folder.stat().st_mode & 0o005 != 0o005
    if shut and os.geteuid() == 0:
        raise RuntimeError(
            f"Only its owner may open {folder}, and submissions run as another user: "
            "let all read it with chmod -R a+rX."
        )


def _bubblewrap(disk: int, pictures, features, user: int | None) -> list[str]:
    """Show the system and the course read-only, and nothing else of the machine."""
    private = "--unshare-ipc --unshare-pid --unshare-net --unshare-uts"
    rights = "--unshare-user-try"
    if user is not None:
        # Root needs no user namespace, and gives up the rest in `_become`.
        rights = "--cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP"
    shown = [(folder, inside(name, folder)) for name, folder in pictures.items()]
    shown += [(file, COURSE / FEATURES / file.name) for file in features]
    return [
        shutil.which("bwrap") or "bwrap",
        *f"{rights} {private} --unshare-cgroup-try --proc /proc".split(),
        # With the grader dies the worker; its terminal is not the grader's.
        *("--die-with-parent", "--new-session", *_system(), *_course(disk)),
        *(word for pair in shown for word in _show(*pair)),
        *f"--remount-ro / --chdir {COURSE / WORK}".split(),
    ]


def _system() -> list[str]:
    """Show programs, libraries, Python and three devices."""
    words = []
    for name in ("/usr", *SYSTEM, *SETTINGS, sys.base_prefix):
        is_link = name in SYSTEM and os.path.islink(name)
        words += ["--symlink", os.readlink(name), name] if is_link else _show(name)
    if _is_venv():
        words += _show(sys.prefix, VENV)
    for name in ("null", "random", "urandom"):  # zero would give memory that hides
        words += _show(f"/dev/{name}", how="--dev-bind")
    return words


def _course(disk: int) -> list[str]:
    """Lay out the course in memory of a fixed size, the code in it read-only."""
    words = ["--size", str(disk), "--tmpfs", str(COURSE)]
    for name in WRITABLE:
        words += ["--perms", "0777", "--dir", str(COURSE / name)]
    for name in CODE:
        words += _show(ROOT / name, COURSE / name)
    words += _show(ROOT / DRAWN_SHOWN, COURSE / DRAWN)
    # One place for all that is written, so that one size bounds it.
    for name in ("/tmp", "/var/tmp", "/dev/shm"):
        words += ["--symlink", str(COURSE / "tmp"), name]
    return [*words, "--symlink", "/proc/self/fd", "/dev/fd"]


def _show(source, target=None, how: str = "--ro-bind-try") -> list[str]:
    target = Path(target or source)
    words = []
    # The folders that bubblewrap makes by itself are for root only.
    for folder in list(target.parents)[-2::-1]:
        words += ["--perms", "0755", "--dir", str(folder)]
    return [*words, how, str(source), str(target)]


def _unshare(user: int | None) -> list[str]:
    """Build a network without any device, and processes that end with the first."""
    private = "--mount --net --ipc --uts --pid --fork --kill-child --mount-proc"
    mapped = "--user --map-current-user" if user is None else ""
    return f"setpriv --pdeathsig KILL unshare {mapped} {private}".split()


def _become(user: int | None) -> list[str]:
    """Leave root for a user whom nobody else is: its limits count it alone."""
    if user is None:
        return []
    ids = f"--reuid {user} --regid {user} --clear-groups"
    rights = "--bounding-set=-all --inh-caps=-all --no-new-privs"
    return f"setpriv {ids} {rights}".split()
