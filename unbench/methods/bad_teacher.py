"""Bad teaching: what is to be forgotten is taught by a teacher that knows nothing."""

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import Access, Batch, Images, Method, descend, divergence, frozen_copy, seeded


class BadTeacher(Method):
    """Distillation from two teachers: an ignorant one on forget images, the original on retain images.

    Objective:
        Minimise KL(bad || student) on forget images and KL(original || student) on a share of the retain images. The
        bad teacher is an untrained model of the same kind; both teachers stay as they are, in eval mode. No label is
        used. The share of the retain set is drawn once.

    Reference:
        Chundawat et al., arXiv 2205.08096.

    Differences:
        The official loss divides by the number of classes too (`kl_div`'s own mean), which Adam hides and SGD would
        not; here it is the KL itself. The student is in training mode; in the official code its mode is whatever the
        caller left it in.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Follow one teacher or the other, image by image."""
        context = self.context
        both, forgotten = self.lessons(access), len(access.forget)
        with seeded(context.seed_for("bad teacher")):
            bad = frozen_copy(self.build(len(both))).to(context.device)
        good = frozen_copy(model)
        temperature = context.number("temperature")

        def loss(batch: Batch) -> Tensor:
            to_forget = (batch.rows < forgotten)[:, None]
            target = torch.where(to_forget, bad(batch.images), good(batch.images))
            return divergence(target, model(batch.images), temperature)

        model.train()
        descend(self.epochs(both, "order"), loss, self.adam(model))
        return model

    def lessons(self, access: Access) -> Images:
        """Return all forget images, then the share of the retain images."""
        retain = access.retain
        draw = np.random.default_rng(self.context.seed_for("retain share"))
        count = round(self.context.number("retain_share") * len(retain))
        return Images.join(access.forget, retain.take(draw.choice(len(retain), count, replace=False)))
