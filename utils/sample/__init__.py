"""The drawn pets: an offline dataset of cats and dogs of 37 breeds, made by code."""

from utils.sample.breeds import Breed, load_breeds
from utils.sample.drawing import draw_pet, draw_with_cover
from utils.sample.listing import draw_sample, sample_version

__all__ = [
    "Breed",
    "draw_pet",
    "draw_sample",
    "draw_with_cover",
    "load_breeds",
    "sample_version",
]
