"""The house keeps its rooms: no circles, nothing imports upwards, faces are names."""

import ast
import importlib
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from lab.sandbox.isolation import CODE

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400  # of a module
MAX_ENTRIES = 14  # of utils/
# Each may import from itself and from the layers before it.
LAYERS = (
    {"files", "checks", "command", "device", "languages", "measure", "results"},
    {"plot", "quiz"},
    {"backbones", "data"},
    {"features"},
    {"adversarial", "training"},
)
# Folders that one may not import from, by the folder that imports.
FORBIDDEN = {"utils": {"lab", "tools", "tests"}, "lab": {"tools", "tests"}}


def modules() -> dict[str, Path]:
    """Find all modules of the course by name."""
    folders = ("utils", "lab", "tools")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {_name(path.relative_to(ROOT)): path for path in paths}


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = modules()


def imports(path: Path) -> set[str]:
    """List what a module imports, at its top or inside its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively: name the package."
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in names}
    return found


FACES = [name for name, path in MODULES.items() if path.stem == "__init__"]
IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def test_no_circles_not_even_inside_functions():
    inside = {name: found & MODULES.keys() for name, found in IMPORTS.items()}
    TopologicalSorter(inside).prepare()  # a CycleError names the circle


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_nothing_below_imports_what_is_above(folder):
    for name in (name for name in IMPORTS if name.split(".")[0] == folder):
        above = [n for n in IMPORTS[name] if n.split(".")[0] in FORBIDDEN[folder]]
        assert not above, f"{name} imports {above}"


def test_utils_imports_downwards_only():
    height = {entry: n for n, layer in enumerate(LAYERS) for entry in layer}
    for name in (name for name in IMPORTS if name.startswith("utils.")):
        entry = name.split(".")[1]
        for other in (n for n in IMPORTS[name] if n.startswith("utils.")):
            below = other.split(".")[1]
            fine = below == entry or height[below] <= height[entry]
            assert fine, f"{name} imports {other}"


@pytest.mark.parametrize("name", FACES)
def test_faces_hold_names_only(name):
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_names = isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
        assert is_text or is_names or isinstance(node, ast.ImportFrom), ast.dump(node)


def test_no_module_is_long():
    lines = {n: len(p.read_text("utf-8").splitlines()) for n, p in MODULES.items()}
    assert not {name: count for name, count in lines.items() if count > MAX_LINES}


def test_readme_explains_every_entry_of_utils():
    entries = {name.split(".")[1] for name in MODULES if name.startswith("utils.")}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `utils/(\w+)(?:\.py|/)` \| \S.* \|$", readme, re.MULTILINE)
    assert sorted(rows) == sorted(entries)
    assert len(entries) <= MAX_ENTRIES


def taken(path: Path) -> set[tuple[str, str]]:
    """List what a file takes from the course's modules, by module and name."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    hidden = {n.arg for n in nodes if isinstance(n, ast.arg)}
    hidden |= {
        n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    hidden |= {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    imported = [
        (node.module, alias.name, alias.asname or alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names
    ]
    bound = {local: f"{module}.{name}" for module, name, local in imported}
    return {(module, name) for module, name, _ in imported} | {
        (bound[node.value.id], node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id not in hidden
        and bound.get(node.value.id) in MODULES
    }


@pytest.mark.parametrize("folder", ["utils", "lab", "tools", "tests"])
def test_modules_offer_what_is_taken_from_them(folder):
    # Some code runs only with photographs, where few would see that a name has moved.
    for path in (ROOT / folder).rglob("*.py"):
        for module, name in taken(path):
            offers = hasattr(importlib.import_module(module), name)
            missing = f"{path} takes {name} from {module}"
            assert offers or f"{module}.{name}" in MODULES, missing


def test_submissions_see_of_the_course_what_is_listed_and_no_answers():
    hidden = ("lab/grading", "lab/source", "lab/release", "lab/grade.py")
    hidden += ("lab/withhold.py", "lab/README.md", "tools", "tests", ".git")
    for name in CODE:
        assert (ROOT / name).exists(), f"{name} is shown, but not there"
        shown = Path(name)
        for other in map(Path, hidden):
            inside = shown.is_relative_to(other) or other.is_relative_to(shown)
            assert not inside, f"a submission would see {other}"
    # What is shown imports nothing that is not.
    shown = {n for n, p in MODULES.items() if _is_shown(p.relative_to(ROOT))}
    for name in shown:
        unseen = {n for n in IMPORTS[name] if n in MODULES and n not in shown}
        assert not unseen, f"{name} imports {unseen}, which a submission cannot see"


def _is_shown(path: Path) -> bool:
    return any(path.is_relative_to(name) for name in CODE)
