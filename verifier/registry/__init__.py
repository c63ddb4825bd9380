"""The pledge registry that venues share, and its transparency log.    specs/registry.md"""
