"""Unlearning methods: one file each, found through its card in methods/. A method file imports from here alone."""

from unbench.data.batches import Batch, Batches, PairedBatches, normalise
from unbench.data.images import Images, Ints
from unbench.errors import NotApplicableError
from unbench.methods.base import Access, Context, Method
from unbench.methods.components.adversarial import Flips, fgsm, find_flips
from unbench.methods.components.gradients import (
    Gradients,
    chunk_size,
    fisher_diagonal,
    mean_over_examples,
    per_example_gradients,
    weighted_gradient,
)
from unbench.methods.components.held_out import HeldOutAnswers
from unbench.methods.components.keyed import KeyedMethod
from unbench.methods.components.losses import divergence, divergence_from
from unbench.methods.components.masks import highest, hold
from unbench.methods.components.memory_costs import build_memory, memory_costs, prediction_costs
from unbench.methods.components.schedules import by_epoch
from unbench.models import build_transformer
from unbench.models.convolutions import convolutions
from unbench.models.memory import Memory
from unbench.models.memory.labels import LabelMemory
from unbench.models.memory.vectors import unit
from unbench.models.munkey import MemoryTransformer, split_pathways
from unbench.models.parts import features_and_logits, frozen_copy, head
from unbench.progress import Progress
from unbench.seeds import derive_seed
from unbench.training.loops import (
    classification_loss,
    descend,
    descend_by_recipe,
    predict,
    seeded,
    train_classifier,
)

__all__ = [
    "Access",
    "Batch",
    "Batches",
    "Context",
    "Flips",
    "Gradients",
    "HeldOutAnswers",
    "Images",
    "Ints",
    "KeyedMethod",
    "LabelMemory",
    "Memory",
    "MemoryTransformer",
    "Method",
    "NotApplicableError",
    "PairedBatches",
    "Progress",
    "build_memory",
    "build_transformer",
    "by_epoch",
    "chunk_size",
    "classification_loss",
    "convolutions",
    "derive_seed",
    "descend",
    "descend_by_recipe",
    "divergence",
    "divergence_from",
    "features_and_logits",
    "fgsm",
    "find_flips",
    "fisher_diagonal",
    "frozen_copy",
    "head",
    "highest",
    "hold",
    "mean_over_examples",
    "memory_costs",
    "normalise",
    "per_example_gradients",
    "predict",
    "prediction_costs",
    "seeded",
    "split_pathways",
    "train_classifier",
    "unit",
    "weighted_gradient",
]
