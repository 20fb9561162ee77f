"""Payloads that are too large for history: kept outside, referred to by name. And a journal beside them."""

from ark_temporal.storage.converter import data_converter
from ark_temporal.storage.directory import DirectoryDriver
from ark_temporal.storage.encryption import Keyring, keyring_from
from ark_temporal.storage.journal import Journal
from ark_temporal.storage.place import Storage, directory_storage, open_storage

__all__ = [
    "DirectoryDriver",
    "Journal",
    "Keyring",
    "Storage",
    "data_converter",
    "directory_storage",
    "keyring_from",
    "open_storage",
]
