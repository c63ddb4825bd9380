"""The rule language: front end and plaintext reading.     specs/rules.md"""
