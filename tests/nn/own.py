"""The parts that `nn` itself has, whatever other tests have imported beside it."""

from nn.component import Component


def names(family: type[Component]) -> list[str]:
    """The names of a family's classes in `nn`, sorted."""
    return [
        name
        for name in family.names()
        if family.class_named(name).__module__.partition(".")[0] == "nn"
    ]
