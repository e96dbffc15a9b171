"""ReGUn: answer about the forget set as the original answers about images it never saw."""

import numpy as np
from torch import Tensor, nn

from unbench.methods import Access, Batch, HeldOutAnswers, Ints, Method, classification_loss, descend, divergence_from


class ReferenceGuided(Method):
    """Distillation of held-out answers into the forget set, beside training on the retain set.

    Objective:
        Minimise lambda_forget * KL(q || p(forget)) + lambda_retain * CE(retain). q is one distribution for a whole
        forget batch: the mean of the original's softmax over as many held-out images, redrawn with replacement. With
        lambda_forget = 0 and lambda_retain = 1 this is fine-tuning on the retain images that are seen.

    Reference:
        Mirlach et al., arXiv 2603.11210. `selector = "class_informed"`, the paper's, draws held-out images with the
        classes of the batch; `"uniform"`, the official default, from all. An epoch pairs the batches of both sets, each
        in a new order, and ends with the smaller set, as in the official code: as a rule it is one pass over the forget
        set, and most retain images are not seen in it.

    Differences:
        A third selector of the official code, the nearest image in feature space, is left out.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Distil the reference into the forget set beside training on the retain set."""
        context = self.context
        answers = HeldOutAnswers(model, access.held_out, context.classes, context.device)
        if self.informed and (sentence := answers.stand_ins(access.forget.labels)):
            self.warn(sentence)
        draw = np.random.default_rng(context.seed_for("reference"))
        on_forget, on_retain = context.number("lambda_forget"), context.number("lambda_retain")
        loss_of = classification_loss(model)

        def joint(pair: tuple[Batch, Batch]) -> Tensor:
            forget, retain = pair
            loss = on_retain * loss_of(retain)
            if on_forget:
                reference = answers.mean(self.select(answers, forget.labels.cpu().numpy(), draw))
                loss = loss + on_forget * divergence_from(reference, model(forget.images))
            return loss

        forget, retain = self.batches(access.forget, "forget order"), self.batches(access.retain, "retain order")
        model.train()
        descend((zip(forget, retain, strict=False) for _ in self.rounds()), joint, self.sgd(model))
        return model

    def select(self, answers: HeldOutAnswers, labels: Ints, draw: np.random.Generator) -> Ints:
        """Draw the rows of B held-out images that stand for a forget batch with these labels (B,)."""
        if self.informed:
            return np.array([draw.choice(answers.of_class(label)) for label in labels])
        return draw.integers(0, len(answers), len(labels))

    @property
    def informed(self) -> bool:
        """Whether the reference has the classes of the forget batch."""
        return self.context.choice("selector") == "class_informed"
