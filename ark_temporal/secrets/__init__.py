"""Secrets and ConfigMaps by name: names travel, values are read on the worker only."""

from ark_temporal.secrets.environment import RoleEnvironment, Secrets
from ark_temporal.secrets.errors import SecretError
from ark_temporal.secrets.lookups import Lookups
from ark_temporal.secrets.provided import ProvidedStore
from ark_temporal.secrets.redaction import redact
from ark_temporal.secrets.stores import DirectoryStore, MappingStore, SecretStore, with_mounted

__all__ = [
    "DirectoryStore",
    "Lookups",
    "MappingStore",
    "ProvidedStore",
    "RoleEnvironment",
    "SecretError",
    "SecretStore",
    "Secrets",
    "redact",
    "with_mounted",
]
