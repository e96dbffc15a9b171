"""Unlearning methods: one file each, found through its card in methods/. A method file imports from here alone.

Everything that this module imports is public, under the name that it has here.
"""

from types import ModuleType as _Module

from unbench.config.seeds import derive_seed as derive_seed
from unbench.data.batches import Batch as Batch
from unbench.data.batches import Batches as Batches
from unbench.data.batches import PairedBatches as PairedBatches
from unbench.data.batches import normalise as normalise
from unbench.data.images import Images as Images
from unbench.data.images import Ints as Ints
from unbench.errors import NotApplicableError as NotApplicableError
from unbench.methods.base import Access as Access
from unbench.methods.base import Context as Context
from unbench.methods.base import Method as Method
from unbench.methods.components.adversarial import Flips as Flips
from unbench.methods.components.adversarial import fgsm as fgsm
from unbench.methods.components.adversarial import find_flips as find_flips
from unbench.methods.components.gradients import Gradients as Gradients
from unbench.methods.components.gradients import chunk_size as chunk_size
from unbench.methods.components.gradients import fisher_diagonal as fisher_diagonal
from unbench.methods.components.gradients import mean_over_examples as mean_over_examples
from unbench.methods.components.gradients import per_example_gradients as per_example_gradients
from unbench.methods.components.gradients import weighted_gradient as weighted_gradient
from unbench.methods.components.held_out import HeldOutAnswers as HeldOutAnswers
from unbench.methods.components.keyed import KeyedMethod as KeyedMethod
from unbench.methods.components.keyed import MemoryMethod as MemoryMethod
from unbench.methods.components.losses import divergence as divergence
from unbench.methods.components.losses import divergence_from as divergence_from
from unbench.methods.components.masks import highest as highest
from unbench.methods.components.masks import hold as hold
from unbench.methods.components.memory_costs import build_memory as build_memory
from unbench.methods.components.memory_costs import memory_costs as memory_costs
from unbench.methods.components.memory_costs import prediction_costs as prediction_costs
from unbench.models import build_transformer as build_transformer
from unbench.models.memory import LabelMemory as LabelMemory
from unbench.models.memory import Memory as Memory
from unbench.models.memory.exact import unit as unit
from unbench.models.munkey import MemoryTransformer as MemoryTransformer
from unbench.models.munkey import split_pathways as split_pathways
from unbench.models.parts import convolutions as convolutions
from unbench.models.parts import features_and_logits as features_and_logits
from unbench.models.parts import frozen_copy as frozen_copy
from unbench.models.parts import head as head
from unbench.progress import Progress as Progress
from unbench.training.loops import by_epoch as by_epoch
from unbench.training.loops import classification_loss as classification_loss
from unbench.training.loops import descend as descend
from unbench.training.loops import descend_by_recipe as descend_by_recipe
from unbench.training.loops import predict as predict
from unbench.training.loops import seeded as seeded
from unbench.training.loops import train_classifier as train_classifier

__all__ = [name for name, thing in globals().items() if not (name.startswith("_") or isinstance(thing, _Module))]
