"""Results of probing the models of a run (unbench.experiment.probes), as metrics read them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue, Model

Probe = Literal["features", "relearn", "restored"]

Part = Literal["forget", "test", "retain"]


@dataclass(frozen=True, eq=False)  # hashed by identity, to share work on the same results
class ProbeOutputs:
    """Results by probe/model/part.

    Attributes:
        arrays: see unbench.experiment.probes.
        missing: probe/model to the reason why the model could not be probed.
    """

    arrays: dict[str, NDArray[Any]]
    missing: dict[str, str]

    def result(self, probe: Probe, model: Model, part: Part) -> NDArray[np.float64]:
        """Return one result, float64.

        Raises:
            MissingValue: the model was not or could not be probed, or a number of the result is not finite.
        """
        if f"{probe}/{model}" in self.missing:
            raise MissingValue(self.missing[f"{probe}/{model}"])
        try:
            found = self.arrays[f"{probe}/{model}/{part}"].astype(np.float64)
        except KeyError:
            raise MissingValue(f"the model '{model}' was not probed") from None
        if not np.isfinite(found).all():
            raise MissingValue(f"the probe results of '{model}' are not all finite")
        return found
