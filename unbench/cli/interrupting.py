"""Ctrl-C as an end that a command has foreseen."""


def forget_interrupt() -> None:
    """Let Python end as if there had been no interrupt.

    It ends by the signal itself if the interrupt came through an exec, as that of a dataclass being imported is; the
    next exec makes it forget that.
    """
    exec("")
