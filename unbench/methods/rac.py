"""RAC-delete: a classifier with a retrieval branch, of which the index forgets and the classifier does not."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.methods import Batch, Batches, Images, LabelMemory, MemoryMethod, descend_by_recipe, seeded, split_pathways


class RetrievalAugmented(MemoryMethod):
    """A classifier and a retrieval branch, of which unlearning empties the second alone.

    Objective:
        Logits: normalised base(x) plus normalised retrieval(labels of x's K neighbours). Both branches are trained
        together by the shared recipe, an image never being its own neighbour; nor is it afterwards, or the retrieval
        branch would read the answer for each training image. To unlearn, the forgotten rows of the index are deleted
        and nothing else. The base branch was trained on them and keeps what it memorised: that is what this baseline is
        there to show, and the audit of its two branches shows it apart.

    Reference:
        Long et al., arXiv 2202.11233. There is no official code.

    Differences:
        Simplified: the paper's neighbours bring texts, which a pretrained language model encodes; here labels have
        learnt embeddings. Its base is a pretrained transformer, ours the preset's untrained model, and its losses for
        long-tailed classes are plain cross-entropy here. The scale of the sum is ours, such that neither branch can be
        sure by itself: with a large one, neighbours that are mostly right leave the base nothing to learn, and nothing
        to memorise.
    """

    def train(self, images: Images, seed: int) -> RetrievalClassifier:
        """Train both branches together, by the recipe of the preset."""
        context, recipe = self.context, self.context.preset.training
        with seeded(seed):
            model = self.model_for(images).to(context.device)
            neighbours = model.memory.neighbours(model.neighbours)
            batches = Batches(images, recipe.batch_size, context.device, seed, recipe.augment, recipe.padding)
            weights = [weight for name, weight in model.named_parameters() if not name.startswith("memory.")]

            def loss_of(batch: Batch) -> Tensor:
                near = neighbours[batch.rows]
                retrieved = model.read(near, torch.ones_like(near, dtype=torch.bool))
                return functional.cross_entropy(model.join(model.base(batch.images), retrieved), batch.labels)

            model.train()
            descend_by_recipe(weights, batches, loss_of, recipe, context.progress)
        return model.eval()

    def pathways(self, model: nn.Module) -> dict[str, nn.Module]:
        """Return the base branch alone and the retrieval branch alone."""
        assert isinstance(model, RetrievalClassifier)
        return split_pathways(model)

    def model_for(self, images: Images) -> RetrievalClassifier:
        """Return an untrained model whose index holds `images`."""
        context, base = self.context, self.backbone()
        sizes = context.count("neighbours"), context.count("width")
        return RetrievalClassifier(base, self.labelled_memory(images), *sizes, context.number("alone"))


class RetrievalClassifier(nn.Module):
    """scale * (base(x) / |base(x)| + retrieval(x) / |retrieval(x)|), logits of two branches.

    The retrieval branch reads the K nearest entries of the memory as a set of (label, rank) pairs: each is embedded,
    passed through a layer, averaged over those there are, and read out.

    Args:
        base: images to logits.
        memory: of the training images.
        neighbours: K.
        width: of the embeddings.
        alone: the highest probability that one branch can give without the other, in (1/K, 1), which sets the scale.
    """

    def __init__(self, base: nn.Module, memory: LabelMemory, neighbours: int, width: int, alone: float) -> None:
        super().__init__()
        classes = memory.tokens.shape[1]
        self.base = base
        self.memory = memory
        self.neighbours = neighbours
        # Of all logits of length 1, the surest has sqrt(classes / (classes - 1)) between its highest and the others.
        self.scale = math.log((classes - 1) * alone / (1 - alone)) * math.sqrt((classes - 1) / classes)
        self.label = nn.Linear(classes, width, bias=False)
        self.rank = nn.Parameter(0.02 * torch.randn(neighbours, width))
        self.layer = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Return logits (B, K) of images (B, C, S, S) with keys (B, D); a training image is no neighbour of its own."""
        return self.join(self.base(images), self.retrieve(keys))

    def image_pathway(self, images: Tensor) -> Tensor:
        """Return the logits (B, K) of the base branch alone, scaled as in the sum."""
        return self.scale * functional.normalize(self.base(images), dim=1)

    def memory_pathway(self, keys: Tensor) -> Tensor:
        """Return the logits (B, K) of the retrieval branch alone, scaled as in the sum."""
        return self.scale * functional.normalize(self.retrieve(keys), dim=1)

    def join(self, base: Tensor, retrieved: Tensor) -> Tensor:
        """Return the sum of both branches' logits (B, K), each scaled to the same length."""
        return self.scale * (functional.normalize(base, dim=1) + functional.normalize(retrieved, dim=1))

    def retrieve(self, keys: Tensor) -> Tensor:
        """Return the logits (B, K) of the retrieval branch for keys (B, D)."""
        rows, _, others = self.memory.nearest_others(keys, self.neighbours)
        return self.read(rows, others)

    def read(self, rows: Tensor, others: Tensor) -> Tensor:
        """Return logits (B, K) from entries `rows` (B, k), nearest first, where `others` (B, k) holds; else zeros."""
        labels = self.memory.tokens[rows].detach()
        hidden = functional.gelu(self.layer(functional.gelu(self.label(labels) + self.rank[: rows.shape[1]])))
        counts = others.sum(1, keepdim=True)
        mean = (hidden * others[:, :, None]).sum(1) / counts.clamp(min=1)
        return self.head(mean) * (counts > 0)
