"""Signed statements, trees and signatures."""
