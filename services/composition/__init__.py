"""The composition roots: where settings, rules and real parts of each service meet. Nothing else reads the environment.

A process imports the one module of its service, so that each deploys with its own rooms and `shared` alone.
"""

from importlib import import_module

from services.process import Service

NAMES = ("registration", "badging", "notifications")


def service(name: str) -> Service:
    """The service of this name, one of `NAMES`."""
    return import_module(f"services.composition.{name}").SERVICE
