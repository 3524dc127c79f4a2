"""Receivers of remote write for tests: one that checks every demand, and a proxy that fails."""
