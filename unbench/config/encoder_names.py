"""Names of the encoders that cards and hyper-parameters may use, checked without importing torch."""

from unbench.errors import SpecError, UnknownNameError

MAPS = {"pixels": "unbench.data.encoders.pixels:Pixels", "pca": "unbench.data.encoders.pixels:Pca"}
"""Encoders that give only keys, with what loads them."""

NETWORKS = {
    "vit_b_16": "unbench.data.encoders.networks:load_vit",
    "efficientnet_lite0": "unbench.data.encoders.networks:load_efficientnet",
}
"""Pretrained networks, which also give feature maps, with what loads them."""

TIMM = "timm:"
"""Prefix of the name of any pretrained network of timm."""


def names() -> list[str]:
    """Return every name an encoder can have; "timm:NAME" stands for any pretrained network of timm."""
    return [*MAPS, *NETWORKS, f"{TIMM}NAME"]


def check_name(name: str, stem: bool = False) -> None:
    """Check the name of an encoder without loading it; whether timm knows a network shows only on loading.

    Args:
        name: of an encoder.
        stem: whether feature maps are needed, which only networks give.

    Raises:
        UnknownNameError: no such encoder; the message offers the nearest name.
        SpecError: `stem` with an encoder that has no feature map.
    """
    is_timm = name.startswith(TIMM) and name != TIMM
    if name not in MAPS and name not in NETWORKS and not is_timm:
        raise UnknownNameError("encoder", name, names())
    if stem and name in MAPS:
        able = ", ".join([*NETWORKS, f"{TIMM}NAME"])
        raise SpecError(f"encoder '{name}' gives no feature maps, which a stem needs; these do: {able}")
