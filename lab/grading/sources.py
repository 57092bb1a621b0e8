"""What the code of a submission tells by itself: copies, and names that are not its."""

import ast
import hashlib
import re
from collections.abc import Iterator

PUBLIC = {"check", "check_predictions", "score_predictions"}  # of lab.questions
MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
# Where code names a part of the course that is the grader's, also inside a text.
GRADERS = re.compile(r"\blab[./\\]+(?:grading|sandbox|source|grade|withhold|check)\b")
WORDS = 20  # of a text, from which on it is nobody else's by chance
SHOWN = 60  # characters of what is named


def fingerprints(cells: dict[str, dict]) -> dict[str, str]:
    """Describe answers so that a copy with other names and comments looks the same.

    Parameters
    ----------
    cells : dict of str to dict
        By the name of the question.

    Returns
    -------
    dict of str to str
        Hexadecimal digits; what is too short to tell anything is left out.
    """
    texts = {name: _plain(cell) for name, cell in cells.items()}
    return {n: hashlib.sha256(t.encode()).hexdigest() for n, t in texts.items() if t}


def _plain(cell: dict) -> str:
    if cell["cell_type"] != "code":
        words = cell["source"].split()
        return " ".join(words) if len(words) >= WORDS else ""
    tree = _parse(cell["source"])
    return "" if tree is None else ast.dump(_Anonymous().visit(tree))


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Anonymous(ast.NodeTransformer):
    """Number the names in the order in which they come, and drop docstrings."""

    def __init__(self):
        self.names = {}

    def _number(self, name: str) -> str:
        return self.names.setdefault(name, f"v{len(self.names)}")

    def visit_Name(self, node):
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node):
        return ast.arg(self._number(node.arg), None)

    def visit_FunctionDef(self, node):
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)


def private_names(cells: list[dict]) -> list[str]:
    """List names of the grader that the code mentions, for a person to look at.

    Parameters
    ----------
    cells : list of dict

    Returns
    -------
    list of str
        Each once, ten at most.
    """
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    found = [name for source in code for name in _private(source)]
    return [name[:SHOWN] for name in dict.fromkeys(found)][:10]


def _private(source: str) -> Iterator[str]:
    yield from (match[0] for match in GRADERS.finditer(source))
    tree = _parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "lab")
        elif isinstance(node, ast.ImportFrom) and _is_lab(node.module):
            allowed = PUBLIC if node.module == "lab.questions" else set()
            yield from (
                f"{node.module}.{a.name}" for a in node.names if a.name not in allowed
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"\blab\.questions\b", node.value):
                yield "lab.questions, in a text"
        elif isinstance(node, ast.Attribute) and node.attr in (
            "__globals__",
            "__code__",
        ):
            yield node.attr


def _is_lab(module: str | None) -> bool:
    return (module or "").split(".")[0] == "lab"
