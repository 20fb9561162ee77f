"""Secrets and ConfigMaps by name: names travel, values are read on the worker only."""

from ark_temporal.secrets.environment import RoleEnvironment, Secrets
from ark_temporal.secrets.redaction import redact
from ark_temporal.secrets.stores import DirectoryStore, MappingStore, SecretStore

__all__ = ["DirectoryStore", "MappingStore", "RoleEnvironment", "SecretStore", "Secrets", "redact"]
