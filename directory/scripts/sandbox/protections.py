"""Reads which layers protect the child process, and decides whether scripts may run without the missing ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from directory.scripts.sandbox.resource_limits import SandboxBroken

WEAK = "ALLOW_WEAK_SANDBOX"


class LayerState(StrEnum):
    """Whether a layer protects."""

    IN_FORCE = "in force"
    MISSING = "missing"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the sandbox; ``note`` is what it covers, why it is missing, or why it is not needed."""

    name: str
    state: LayerState
    note: str


@dataclass(frozen=True, slots=True)
class SandboxState:
    """The layers of a fresh child, outermost first; ``problem`` is why scripts can't run, empty if they can."""

    layers: tuple[Layer, ...] = ()
    problem: str = ""

    @property
    def missing(self) -> tuple[Layer, ...]:
        """Return the layers that this system lacks."""
        return tuple(layer for layer in self.layers if layer.state is LayerState.MISSING)


def read_layers(greeting: bytes) -> tuple[Layer, ...]:
    """Return the layers in the first answer of a child; raises ValueError for anything else."""
    try:
        greeted = json.loads(greeting)
    except RecursionError as error:
        raise ValueError("lists in lists without an end") from error
    match greeted:
        case [*rows]:
            return tuple(_layer(row) for row in rows)
        case _:
            raise ValueError("not a list of layers")


def _layer(row: object) -> Layer:
    match row:
        case [str(name), str(state), str(note)]:
            return Layer(name, LayerState(state), note)
        case _:
            raise ValueError("not a layer")


def refusal(layers: tuple[Layer, ...]) -> str:
    """Return why scripts must not run with these layers; empty when none is missing."""
    missing = [layer for layer in layers if layer.state is LayerState.MISSING]
    if not missing:
        return ""
    lacking = "; ".join(f"{layer.name} ({layer.note})" for layer in missing)
    return (
        f"The script sandbox refuses to start, as this system lacks: {lacking}. Mend that, or set {WEAK}=1 to run the "
        "scripts with less protection."
    )


def demand(layers: tuple[Layer, ...], *, allow_weak: bool) -> None:
    """Raise SandboxBroken when a layer is missing, unless ``allow_weak``."""
    if not allow_weak and (reason := refusal(layers)):
        raise SandboxBroken(reason)
