"""What the models of a run answered when they were asked themselves (unbench.experiment.probes), as metrics read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue, Model

Question = Literal["features", "relearn", "restored"]

Part = Literal["forget", "test", "retain"]


@dataclass(frozen=True, eq=False)  # hashed by identity, to share work on the same answers
class ProbeOutputs:
    """Answers by question/model/part.

    Attributes:
        arrays: see unbench.experiment.probes.probe.Probed.
        missing: question/model to the reason why it could not be asked.
    """

    arrays: dict[str, NDArray[Any]]
    missing: dict[str, str]

    def answer(
        self, question: Question, model: Model, part: Literal["forget", "test", "retain"]
    ) -> NDArray[np.float64]:
        """One answer, float64.

        Raises:
            MissingValue: the model could not be asked, or gave numbers that are not finite.
        """
        if f"{question}/{model}" in self.missing:
            raise MissingValue(self.missing[f"{question}/{model}"])
        try:
            found = self.arrays[f"{question}/{model}/{part}"].astype(np.float64)
        except KeyError:
            raise MissingValue(f"the model '{model}' was not asked") from None
        if not np.isfinite(found).all():
            raise MissingValue(f"the answers of '{model}' are not all finite")
        return found
