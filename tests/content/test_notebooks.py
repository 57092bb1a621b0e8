"""The rules that every notebook keeps, and those that a pair of twins keeps."""

import ast
import importlib
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from statistics import median

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import markdown
from utils.data.datasets import SAMPLE
from utils.results import MIME, results_of

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FRAMEWORK = ["framework"]  # the tag of cells in which twins differ
FRAMEWORK_PROSE = 1 / 3  # of the cells of prose may be about one framework
DEFINITIONS = ast.ClassDef, ast.FunctionDef, ast.Import, ast.ImportFrom
EXEMPT = 0.4  # of the code cells show something that needs no check
CELL_LINES, MEDIAN_LINES, BODY_LINES = 15, 8, 14
BYTES = 4_000_000
# What twins' accuracies may differ by; what has none of these words is frozen.
AGREE = {"cat dog": 0.005, "fine tuned": 0.02}
FROZEN_AGREE = 0.01
CLOSING = {"Summary", "Check yourself", "Exercises"}  # sections without a result
PLACE = re.compile(r"(?<![\w.~-])/(home|root|Users|tmp|private|mnt)\b|\b[CD]:[\\/]")
PHOTOGRAPHS = re.compile(r"photographs: .*, (COURSE_DATA|data/)")


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def all_headings(cells: Iterable[NotebookNode]) -> list[tuple[int, str]]:
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    parts = [part for source in prose for part in markdown.sections(source)]
    return [(part.level, part.title) for part in parts]


def sections(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Cut a notebook at its headings of level 2."""
    found, cells = {}, []
    for cell in notebook.cells:
        for level, title in all_headings([cell]):
            if level == 2:
                cells = found[title] = []
        cells.append(cell)
    return found


def tree(cell: NotebookNode) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(cell.source))


def outputs(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Go through all outputs, each with the name of its cell."""
    for number, cell in enumerate(code_cells(notebook.cells), 1):
        for output in cell.outputs:
            yield f"code cell {number}", output


def texts(node) -> Iterator[str]:
    """Go through all texts of a notebook, pictures left out."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from () if key.startswith("image/") else texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def says_something(output: NotebookNode) -> bool:
    """Tell whether an output has text that nbval compares."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return bool(text.strip()) and not text.startswith("<Figure")


def asserts(cell: NotebookNode) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree(cell)))


def only_defines(cell: NotebookNode) -> bool:
    """Tell whether a cell has no result of its own; its functions are used later."""
    return all(isinstance(node, DEFINITIONS) for node in tree(cell).body)


def is_checked(cell: NotebookNode) -> bool:
    """Tell whether a wrong result of the cell makes a test fail."""
    comment = re.search(r"^\s*# *NBVAL_CHECK_OUTPUT *$", cell.source, re.MULTILINE)
    compared = comment or "nbval-check-output" in tags(cell)
    return asserts(cell) or bool(compared and any(map(says_something, cell.outputs)))


def is_silent(cell: NotebookNode) -> bool:
    """Tell whether a cell shows nothing; the next checkpoint covers what it made."""
    return not (cell.outputs or asserts(cell) or "nbval-check-output" in tags(cell))


def body_lines(function: ast.FunctionDef) -> int:
    first = function.body[1 if ast.get_docstring(function) else 0 :]
    return first[-1].end_lineno - first[0].lineno + 1 if first else 0


# Rules of every notebook: each yields what is wrong


def has_its_place_in_the_course(notebook):
    course = notebook.metadata.get("course", {})
    for key, kind in {"lesson": int, "minutes": int | float, "twin": str}.items():
        if not isinstance(course.get(key), kind):
            yield f'metadata "course" lacks "{key}"'
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"


def has_one_title_and_headings_in_order(notebook):
    levels = [level for level, _ in all_headings(notebook.cells)]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield "it does not begin with its only heading of level 1"
    for above, below in pairwise(levels):
        if below > above + 1:
            yield f"a heading of level {below} follows one of level {above}"


def introduces_every_section(notebook):
    for title, cells in sections(notebook).items():
        kinds = [cell.cell_type for cell in cells]
        opening = cells[: kinds.index("code") if "code" in kinds else None]
        prose = "\n".join(cell.source for cell in opening)
        if not re.search(r"^[^#\s]", prose, re.MULTILINE):
            yield f"section {title} has no prose before its code"


def ends_every_section_in_a_checkpoint(notebook):
    for title, cells in sections(notebook).items():
        code = code_cells(cells)
        if title not in CLOSING and not (code and asserts(code[-1])):
            yield f"section {title} does not end in a cell of asserts"


def keeps_cells_short(notebook):
    sources = [cell.source.splitlines() for cell in code_cells(notebook.cells)]
    lengths = [sum(bool(line.strip()) for line in lines) for lines in sources]
    for number, length in enumerate(lengths, 1):
        if length > CELL_LINES:
            yield f"code cell {number} has {length} lines, over {CELL_LINES}"
    if median(lengths) > MEDIAN_LINES:
        yield f"the median code cell has over {MEDIAN_LINES} lines"


def keeps_functions_short(notebook):
    for cell in code_cells(notebook.cells):
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.FunctionDef) and body_lines(node) > BODY_LINES:
                yield f"the body of {node.name} has over {BODY_LINES} lines"


def was_run_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook.cells)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}; save it with python -m tools.run --save"
    for place, output in outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"{place} saved an error or stderr"


def checks_most_cells(notebook):
    code = code_cells(notebook.cells)
    exempt = [
        number
        for number, cell in enumerate(code, 1)
        if not (is_silent(cell) or only_defines(cell) or is_checked(cell))
    ]
    if len(exempt) > EXEMPT * len(code):
        yield f"{len(exempt)} of {len(code)} code cells are not checked: {exempt}"


def describes_every_picture(notebook):
    for place, output in outputs(notebook):
        metadata = output.get("metadata", {})
        for mime in output.get("data", {}):
            alt = metadata.get(mime, metadata).get("alt", "")
            if mime.startswith("image/") and not alt.strip():
                yield f"a picture of {place} has no alt text"


def shows_drawn_pets_only(notebook):
    source = results_of(notebook).get("source")
    if source != SAMPLE:
        yield f"its saved results name {source} as the pictures, not the {SAMPLE}"
    for place, output in outputs(notebook):
        if any(PHOTOGRAPHS.search(text) for text in texts(output)):
            yield f"{place} was saved with photographs"
    if any("attachments" in cell for cell in notebook.cells):
        yield "a picture is attached to a cell"


def uses_what_the_course_offers(notebook):
    trees = [tree(cell) for cell in code_cells(notebook.cells)]
    nodes = [node for each in trees for node in ast.walk(each)]
    from_utils = (
        node.names
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "utils"
    )
    packages = {alias.name for names in from_utils for alias in names}
    for node in nodes:
        if (
            isinstance(node, ast.Attribute)
            and getattr(node.value, "id", "") in packages
        ):
            package = importlib.import_module(f"utils.{node.value.id}")
            if not hasattr(package, node.attr):
                yield f"utils.{node.value.id} has no {node.attr}"


def names_no_place_of_a_machine(notebook):
    for text in texts(notebook):
        if (place := PLACE.search(text)) or str(ROOT) in text:
            yield f"it names a place of one machine: {place or ROOT}"


def stays_small(notebook):
    if (size := len(nbformat.writes(notebook).encode())) > BYTES:
        yield f"it has {size:,} bytes, over {BYTES:,}"


def shares_most_of_its_prose(notebook):
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    count = sum("framework" in tags(cell) for cell in prose)
    if count > FRAMEWORK_PROSE * len(prose):
        yield f"{count} of {len(prose)} cells of prose are tagged framework"


# Rules of twins


def have_the_same_headings(one, other):
    both = [[h for h in all_headings(n.cells) if h[0] > 1] for n in (one, other)]
    pairs = zip(*both, strict=False)  # the title names the framework
    for (_, a), (_, b) in (pair for pair in pairs if pair[0] != pair[1]):
        yield f"the heading {a} faces {b}"
    if len(both[0]) != len(both[1]):
        yield "one has more headings"


def differ_only_in_framework_cells(one, other):
    """Code is each framework's own; what is not tagged is the same in both."""
    a, b = ([c for c in n.cells if "framework" not in tags(c)] for n in (one, other))
    if len(a) != len(b):
        yield f"{len(a)} and {len(b)} cells are without the tag framework"
    for number, (x, y) in enumerate(zip(a, b, strict=False)):
        if (x.cell_type, x.source, tags(x)) != (y.cell_type, y.source, tags(y)):
            yield f"shared cell {number} differs: {x.source[:60]!r}"
            return  # what follows may be shifted only


def have_results_that_agree(one, other):
    a, b = results_of(one), results_of(other)
    if list(a) != list(b):
        yield f"results are {list(a)} and {list(b)}"
    for name in (name for name in a if "accuracy" in name):
        bounds = [AGREE[words] for words in AGREE if words in name]
        if name in b and abs(a[name] - b[name]) > min(bounds, default=FROZEN_AGREE):
            yield f"{name} is {a[name]} and {b[name]}"


def belong_together(one, other):
    if one.metadata.course.lesson != other.metadata.course.lesson:
        yield "twins are in two lessons"


RULES = [
    has_its_place_in_the_course,
    has_one_title_and_headings_in_order,
    introduces_every_section,
    ends_every_section_in_a_checkpoint,
    keeps_cells_short,
    keeps_functions_short,
    was_run_from_top_to_bottom,
    checks_most_cells,
    describes_every_picture,
    shows_drawn_pets_only,
    uses_what_the_course_offers,
    names_no_place_of_a_machine,
    stays_small,
    shares_most_of_its_prose,
]
TWIN_RULES = [
    belong_together,
    have_the_same_headings,
    differ_only_in_framework_cells,
    have_results_that_agree,
]


def test_the_lesson_is_there():
    names = {path.name for path in NOTEBOOKS}
    assert names >= {"TransferLearningPyTorch.ipynb", "TransferLearningTF.ipynb"}
    assert names >= {"AdversarialCat_PyTorch.ipynb", "AdversarialCat_TF.ipynb"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, rule):
    assert list(rule(read(path))) == []


@pytest.mark.parametrize("rule", TWIN_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_twins(path, rule):
    one = read(path)
    if not one.metadata.course.twin:
        pytest.skip("it has no twin")
    other = read(path.with_name(one.metadata.course.twin))
    assert other.metadata.course.twin == path.name
    assert path.name != one.metadata.course.twin
    assert list(rule(one, other)) == []


# A small notebook that keeps the rules, and one planted violation of each


def code(source, *results, tag=()):
    return new_code_cell(source, outputs=list(results), metadata={"tags": list(tag)})


@pytest.fixture
def sound() -> NotebookNode:
    picture = {"image/png": "AAAA/home/AAAA", "text/plain": "<Figure size 1x1>"}
    alt = {"image/png": {"alt": "A drawn cat"}}
    table = {MIME: {"source": SAMPLE, "accuracy": 0.97}, "text/plain": "accuracy 0.97"}
    loaded = new_output("stream", text="3\n")
    cells = [
        new_markdown_cell("# Cats\n\nWhat we build.\n\n```\n# no heading\n```"),
        new_markdown_cell("## 1 Data\n\nPictures of pets. See https://a.org/home/b."),
        code(
            "def load(split: int = 3):\n    print(split)\nload()", loaded, tag=FRAMEWORK
        ),
        code("print(2)", new_output("stream", text="2\n"), tag=["nbval-check-output"]),
        code("show()", new_output("display_data", picture, metadata=alt)),
        code("assert load() == 3"),
        new_markdown_cell("## 2 Report\n\nHow good is it?"),
        code("%matplotlib inline\nassert True", new_output("display_data", table)),
        new_markdown_cell("## Summary\n\nIt works."),
    ]
    for number, cell in enumerate(code_cells(cells), 1):
        cell.execution_count = number
    course = {"lesson": 1, "minutes": 3, "twin": "Other.ipynb"}
    kernel = {"name": "python3", "display_name": "Python 3"}
    return new_notebook(cells=cells, metadata={"course": course, "kernelspec": kernel})


def test_a_sound_notebook_keeps_every_rule(sound):
    nbformat.validate(sound)
    assert [p for rule in RULES for p in rule(sound)] == []
    other = deepcopy(sound)
    other.cells[2].source = "import x\ndef load(split=3):\n    return x.load(split)"
    assert [p for rule in TWIN_RULES for p in rule(sound, other)] == []


LONG = "def f():\n" + 15 * "    x = 1\n"
PLANTED = [
    (has_its_place_in_the_course, lambda n: n.metadata.course.pop("lesson")),
    (has_its_place_in_the_course, lambda n: n.metadata.course.pop("minutes")),
    (has_its_place_in_the_course, lambda n: n.metadata.course.pop("twin")),
    (has_its_place_in_the_course, lambda n: n.metadata.kernelspec.update(name="x")),
    (has_one_title_and_headings_in_order, lambda n: n.cells.pop(0)),
    (has_one_title_and_headings_in_order, lambda n: n.cells.append(n.cells[0])),
    (
        has_one_title_and_headings_in_order,
        lambda n: n.cells[0].update(source="# Cats\n\n### Too deep"),
    ),
    (introduces_every_section, lambda n: n.cells[6].update(source="## 2 Report\n")),
    (ends_every_section_in_a_checkpoint, lambda n: n.cells.pop(5)),
    (ends_every_section_in_a_checkpoint, lambda n: n.cells.insert(6, n.cells[4])),
    (keeps_cells_short, lambda n: n.cells[4].update(source="x = 1\n\n" * 16)),
    (
        keeps_cells_short,
        lambda n: [c.update(source="x = 1\n" * 9) for c in code_cells(n.cells)],
    ),
    (keeps_functions_short, lambda n: n.cells[2].update(source=LONG)),
    (was_run_from_top_to_bottom, lambda n: n.cells[2].update(execution_count=None)),
    (was_run_from_top_to_bottom, lambda n: n.cells[2].update(execution_count=9)),
    (
        was_run_from_top_to_bottom,
        lambda n: n.cells[3].outputs.append(new_output("stream", name="stderr")),
    ),
    (
        was_run_from_top_to_bottom,
        lambda n: n.cells[3].outputs.append(new_output("error")),
    ),
    (checks_most_cells, lambda n: n.cells[3].metadata.tags.clear()),
    (checks_most_cells, lambda n: n.cells[3].outputs.clear()),
    (checks_most_cells, lambda n: n.cells[7].update(source="load() == 3  # assert")),
    (describes_every_picture, lambda n: n.cells[4].outputs[0].metadata.clear()),
    (
        describes_every_picture,
        lambda n: n.cells[4].outputs[0].metadata["image/png"].update(alt=" "),
    ),
    (shows_drawn_pets_only, lambda n: n.cells[7].outputs.clear()),
    (
        shows_drawn_pets_only,
        lambda n: n.cells[7].outputs[0].data[MIME].update(source="photographs"),
    ),
    (
        shows_drawn_pets_only,
        lambda n: n.cells[3].outputs[0].update(text="photographs: Pets, COURSE_DATA\n"),
    ),
    (shows_drawn_pets_only, lambda n: n.cells[0].update(attachments={"a.png": {}})),
    (
        uses_what_the_course_offers,
        lambda n: n.cells[2].update(
            source="from utils import data\ndata.load_horses()"
        ),
    ),
    (
        names_no_place_of_a_machine,
        lambda n: n.cells[3].outputs[0].update(text="at /home/tom/x"),
    ),
    (
        names_no_place_of_a_machine,
        lambda n: n.cells[3].update(source='open("/Users/tom/x")'),
    ),
    (names_no_place_of_a_machine, lambda n: n.cells[0].update(source="C:\\Users\\tom")),
    (names_no_place_of_a_machine, lambda n: n.cells[0].update(source=f"{ROOT}")),
    (names_no_place_of_a_machine, lambda n: n.metadata.update(path="/root")),
    (
        stays_small,
        lambda n: n.cells[4].outputs[0].data.update({"image/png": "A" * BYTES}),
    ),
    (
        shares_most_of_its_prose,
        lambda n: [cell.metadata.update(tags=["framework"]) for cell in n.cells],
    ),
]
TWIN_PLANTED = [
    (belong_together, lambda n: n.metadata.course.update(lesson=2)),
    (have_the_same_headings, lambda n: n.cells[6].update(source="## 2 Result\n\nA")),
    (have_the_same_headings, lambda n: n.cells.append(n.cells[8])),
    (differ_only_in_framework_cells, lambda n: n.cells.pop(4)),
    (differ_only_in_framework_cells, lambda n: n.cells[4].update(cell_type="markdown")),
    (differ_only_in_framework_cells, lambda n: n.cells[4].update(source="show() ")),
    (differ_only_in_framework_cells, lambda n: n.cells[0].update(source="# Cats")),
    (differ_only_in_framework_cells, lambda n: n.cells[2].metadata.tags.clear()),
    (
        have_results_that_agree,
        lambda n: n.cells[7].outputs[0].data[MIME].update(accuracy=0.95),
    ),
    (
        have_results_that_agree,
        lambda n: n.cells[7].outputs[0].data[MIME].update(seconds=3),
    ),
]


@pytest.mark.parametrize(("rule", "plant"), PLANTED, ids=lambda p: p.__name__)
def test_a_planted_violation_is_found(sound, rule, plant):
    plant(sound)
    assert list(rule(sound))


@pytest.mark.parametrize(("rule", "plant"), TWIN_PLANTED, ids=lambda p: p.__name__)
def test_a_planted_difference_is_found(sound, rule, plant):
    other = deepcopy(sound)
    plant(other)
    assert list(rule(sound, other))


def test_every_rule_has_a_planted_violation():
    assert {rule for rule, _ in PLANTED} == set(RULES)
    assert {rule for rule, _ in TWIN_PLANTED} == set(TWIN_RULES)
