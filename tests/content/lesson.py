"""Take the functions of a notebook: tests and benchmarks run the lesson's own code."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat

from utils.device import torch_device

BACKBONE = "efficientnet_lite0"
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
    from utils.backbones import find_class, imagenet_classes, pytorch, tensorflow

    known = {"names": imagenet_classes(), "size": 224, "tabby": find_class("tabby")}
    if framework == "tensorflow":
        model = tensorflow.load_backbone(BACKBONE, classifier_activation=None)
        model.trainable = False
        return functions_of("AdversarialCat_TF.ipynb", model=model, **known)
    known["device"] = torch_device()
    model = pytorch.load_backbone(BACKBONE).eval().requires_grad_(False)
    known["normalize"] = pytorch.transform_for(model).transforms[-1]
    known["model"] = model.to(known["device"])
    return functions_of("AdversarialCat_PyTorch.ipynb", **known)


def _is_kept(node: ast.stmt) -> bool:
    """Keep definitions, and assignments to names in capitals."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(target, ast.Name) and target.id.isupper()
    return isinstance(node, KEPT)


sys.path.insert(0, str(NOTEBOOKS.parent))
