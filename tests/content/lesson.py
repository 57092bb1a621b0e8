"""Take the functions of a notebook: tests and benchmarks run the lesson's own code."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef)


def functions_of(name: str, **globals_) -> SimpleNamespace:
    """Execute the imports, functions and constants of a notebook, and nothing else.

    Parameters
    ----------
    name : str
        A file of notebooks/.
    **globals_ : object
        What the functions find besides, such as the backbone.

    Returns
    -------
    SimpleNamespace
        Everything by its name.
    """
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        tree = ast.parse(cell.source)
        tree.body = [node for node in tree.body if _is_kept(node)]
        exec(compile(tree, name, "exec"), globals_)
    return SimpleNamespace(**globals_)


def adversarial(framework: str) -> SimpleNamespace:
    """Give the functions of lesson 2 in one framework, with its backbone."""
    # PyTorch must come first where both are used in one process.
    from utils.backbones import pytorch, tensorflow
    from utils.backbones.base import find_class

    module = {"pytorch": pytorch, "tensorflow": tensorflow}[framework]
    backbone = module.load_backbone("efficientnet_lite0")
    return functions_of(
        f"AdversarialCat_{'PyTorch' if framework == 'pytorch' else 'TF'}.ipynb",
        backbone=backbone,
        names=backbone.class_names,
        size=backbone.size,
        tabby=find_class("tabby"),
    )


def _is_kept(node: ast.stmt) -> bool:
    """Keep definitions, and assignments to names in capitals."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(target, ast.Name) and target.id.isupper()
    return isinstance(node, KEPT)


sys.path.insert(0, str(NOTEBOOKS.parent))
