"""Data sets: sources of images, a cache of decoded images, splits and subsets."""

from unbench.data.images import Dataset, Images
from unbench.data.loading import load_dataset

__all__ = ["Dataset", "Images", "load_dataset"]
