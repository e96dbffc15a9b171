"""RAC-delete: a classifier with a retrieval branch, of which the index forgets and the classifier does not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbench import models
from unbench.data.batches import Batch, Batches
from unbench.data.images import Images
from unbench.methods.base import Access
from unbench.methods.components.keyed import KeyedMethod
from unbench.models.memory.labels import LabelMemory
from unbench.models.retrieval import Branch, RetrievalClassifier
from unbench.training.loops import descend_by_recipe, seeded


class RetrievalAugmented(KeyedMethod):
    """Logits: normalised base(x) plus normalised retrieval(labels of x's K neighbours) (Long et al., arXiv 2202.11233).

    Both branches are trained together by the shared recipe, an image never being its own neighbour; nor is it
    afterwards, or the retrieval branch would read the answer for each training image. To unlearn, the forgotten rows
    of the index are deleted and nothing else. The base branch was trained on them and keeps what it memorised: that is
    what this baseline is there to show, and the audit of its two branches shows it apart.

    Simplified: the paper's neighbours bring texts, which a pretrained language model encodes; here labels have learnt
    embeddings. Its base is a pretrained transformer, ours the preset's model from nothing, and its losses for
    long-tailed classes are plain cross-entropy here. There is no official code. The scale of the sum is ours, such that
    neither branch can be sure by itself: with a large one, neighbours that are mostly right leave the base nothing to
    learn, and nothing to memorise.
    """

    def build(self, images: int) -> RetrievalClassifier:
        """An untrained model with room for `images` entries, keys still empty."""
        nothing = torch.zeros(images, dtype=torch.int64)
        return self._build(torch.arange(images), torch.zeros(images, self.context.key_dim), nothing)

    def train(self, images: Images, seed: int) -> RetrievalClassifier:
        """Train both branches together, by the recipe of the preset."""
        context, recipe = self.context, self.context.preset.training
        assert images.keys is not None
        with seeded(seed):
            model = self._build(*(torch.from_numpy(part) for part in (images.ids, images.keys, images.labels)))
            model = model.to(context.device)
            neighbours = model.memory.neighbours(model.neighbours)
            batches = Batches(images, recipe.batch_size, context.device, seed, recipe.augment)
            weights = [weight for name, weight in model.named_parameters() if not name.startswith("memory.")]

            def loss_of(batch: Batch) -> Tensor:
                near = neighbours[batch.rows]
                retrieved = model.read(near, torch.ones_like(near, dtype=torch.bool))
                return nn.functional.cross_entropy(model.join(model.base(batch.images), retrieved), batch.labels)

            model.train()
            descend_by_recipe(weights, batches, loss_of, recipe, context.progress)
        return model.eval()

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Delete the index entries of the forgotten ids, and their keys kept on disk; the weights stay as they are."""
        assert isinstance(model, RetrievalClassifier)
        model.memory.forget(torch.from_numpy(access.forget_ids))
        self.evict(access.forget_ids)
        return model

    def pathways(self, model: nn.Module) -> dict[str, nn.Module]:
        """The base branch alone and the retrieval branch alone."""
        assert isinstance(model, RetrievalClassifier)
        return {"image": Branch(model, "image"), "memory": Branch(model, "memory")}

    def _build(self, ids: Tensor, keys: Tensor, labels: Tensor) -> RetrievalClassifier:
        context = self.context
        base = models.build(context.preset, context.shape, context.classes)
        memory = LabelMemory(ids, keys, labels, context.classes)
        return RetrievalClassifier(
            base, memory, context.count("neighbours"), context.count("width"), context.number("alone")
        )
