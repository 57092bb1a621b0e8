"""The 37 breeds of the Oxford-IIIT Pet dataset and what their drawings need to know."""

import csv
import difflib
import re
from functools import cache
from typing import NamedTuple

from utils.data.drawn.body import GIRTH, HAIR, LEGS, TAILS
from utils.data.drawn.coat import BODY
from utils.data.drawn.head import CAT_MUZZLES, EARS, SIZES, SKULLS
from utils.files import DATA

BREEDS_CSV = DATA / "breeds.csv"
NUMBER_OF_BREEDS = 37
EXTRAS = (
    "beard", "blaze", "brows", "flews", "hairless", "ruff",
    "white chest", "white paws", "wrinkles",
)  # fmt: skip


class Breed(NamedTuple):
    """Facts about a breed, after the breed standards of FCI, AKC, CFA and TICA.

    The words that a column may hold are in WORDS and EXTRAS; the tables in head, body
    and coat say what each looks like. Colours are hex: red, green and blue in sRGB.

    Attributes
    ----------
    name : str
        As in trainval.txt of the Oxford-IIIT Pet dataset, spaces for underscores.
    species : {"cat", "dog"}
        What it is.
    size, build, legs : str
        Of the adult among its species; a small breed has a large head for its body.
    skull, muzzle, ears, eye_shape : str
        Shape of the head; the muzzle of a dog is longer than that of a cat by far.
    eyes : tuple of str
        Colours of the iris that occur.
    nose : str
        Colour of the nose leather.
    fur : str
        Length and kind of the hair.
    pattern : str
        How the colours lie: points, tabby, saddle and so on.
    coats : tuple of (str, str, str)
        Colour varieties that occur: main colour; second colour of stripes, points, mask
        or patches; third colour of belly and white marks.
    tail : str
        Shape of the tail; docked where that was the custom.
    extras : frozenset of str
        What else strikes the eye, such as a ruff, a beard or white paws.
    """

    name: str
    species: str
    size: str
    build: str
    legs: str
    skull: str
    muzzle: str
    ears: str
    eye_shape: str
    eyes: tuple
    nose: str
    fur: str
    pattern: str
    coats: tuple
    tail: str
    extras: frozenset


WORDS = {
    "species": ("cat", "dog"), "size": SIZES, "build": GIRTH, "legs": LEGS,
    "skull": SKULLS, "muzzle": CAT_MUZZLES, "ears": EARS,
    "eye_shape": ("almond", "oval", "round"), "fur": HAIR, "pattern": BODY,
    "tail": TAILS,
}  # fmt: skip
HEX = "[0-9a-f]{6}"
COLOURS = {
    "eyes": (rf"{HEX}( {HEX})*", "hex colours such as 'c9a227 6f9a3e'"),
    "nose": (HEX, "a hex colour such as '2a2424'"),
    "coats": (
        rf"({HEX}/){{2}}{HEX}( ({HEX}/){{2}}{HEX})*",
        "colour varieties such as 'e8d5b5/3f2c22/f3e8d4' with spaces between",
    ),
}


@cache
def load_breeds(path=BREEDS_CSV):
    """Read the breeds in the order of their class ids.

    Parameters
    ----------
    path : Path
        CSV file whose columns are the fields of Breed. Colours are hex, lists are
        separated by spaces, `coats` are main/second/third colour.

    Returns
    -------
    list of Breed
        37 breeds, class ids 1 to 37.

    Raises
    ------
    ValueError
        The file is not as it should be; names the row, the column and what to write.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, strict=True)
        if tuple(rows.fieldnames or ()) != Breed._fields:
            raise ValueError(
                f"{path}: the first line must be {','.join(Breed._fields)}"
            )
        breeds = [_breed(row, f"{path}, line {rows.line_num}") for row in rows]
    names = {breed.name for breed in breeds}
    if not len(names) == len(breeds) == NUMBER_OF_BREEDS:
        raise ValueError(
            f"{path}: {NUMBER_OF_BREEDS} breeds with different names expected, "
            f"{len(breeds)} rows with {len(names)} names found"
        )
    return breeds


def find_breed(name):
    """Breed of that name.

    Raises
    ------
    ValueError
        There is none; the message lists the names that come nearest.
    """
    breeds = {breed.name: breed for breed in load_breeds()}
    if name in breeds:
        return breeds[name]
    lower = {known.lower(): known for known in breeds}
    wanted = str(name).lower().replace("_", " ")
    near = difflib.get_close_matches(wanted, lower, n=3, cutoff=0.0)
    nearest = ", ".join(repr(lower[word]) for word in near)
    raise ValueError(f"no breed {name!r}; the nearest names are {nearest}")


def _breed(row, place):
    """Breed of one row of the file."""
    if None in row or None in row.values():
        raise ValueError(f"{place}: {len(Breed._fields)} columns expected")
    for column, words in WORDS.items():
        if row[column] not in words:
            expected = ", ".join(words)
            raise ValueError(
                f"{place}, column {column}: {row[column]!r} is none of {expected}"
            )
    for column, (pattern, expected) in COLOURS.items():
        if not re.fullmatch(pattern, row[column]):
            raise ValueError(
                f"{place}, column {column}: {row[column]!r}; expected {expected}"
            )
    row["eyes"] = tuple(row["eyes"].split())
    row["coats"] = tuple(tuple(coat.split("/")) for coat in row["coats"].split())
    row["extras"] = _extras(row["extras"], place)
    return Breed(**row)


def _extras(text, place):
    """Set of the extras in a text such as 'ruff white paws'."""
    found = frozenset(re.findall("|".join(EXTRAS), text))
    rest = re.sub("|".join(EXTRAS), "", text).strip()
    if rest:
        expected = ", ".join(EXTRAS)
        raise ValueError(f"{place}, column extras: {rest!r} is none of {expected}")
    return found
