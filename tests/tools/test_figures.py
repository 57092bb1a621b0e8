"""The pictures of the lesson's text are there, and the diagram reads on any page."""

from xml.etree import ElementTree

from PIL import Image

from tools.figures import IMAGES, PICTURES


def test_every_picture_is_there():
    for name in ("cat-features.png", "three-pictures.png", *PICTURES.values()):
        with Image.open(IMAGES / name) as picture:
            picture.load()
            assert min(picture.size) >= 224


def test_the_diagram_is_readable_in_the_dark():
    svg = (IMAGES / "loop.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "values"
    assert "prefers-color-scheme: dark" in svg
    assert root.find("{http://www.w3.org/2000/svg}title").text
