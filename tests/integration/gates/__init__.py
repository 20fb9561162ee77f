"""Runs that ask people, on a real Temporal."""
