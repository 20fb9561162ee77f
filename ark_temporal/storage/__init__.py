"""Payloads that are too large for history: kept outside, referred to by name."""

from ark_temporal.storage.converter import data_converter, parse_storage
from ark_temporal.storage.directory import DirectoryDriver

__all__ = ["DirectoryDriver", "data_converter", "parse_storage"]
