"""The drawn pets: an offline dataset of cats and dogs of 37 breeds, made by code."""

from utils.data.drawn.breeds import Breed, load_breeds
from utils.data.drawn.dataset import draw_pets, drawn_version, head_box
from utils.data.drawn.drawing import draw_pet, draw_with_cover

__all__ = [
    "Breed",
    "draw_pet",
    "draw_pets",
    "draw_with_cover",
    "head_box",
    "load_breeds",
    "drawn_version",
]
