"""The Rust core is optional: without a Rust toolchain the package installs and runs on the reference, slowly."""

from setuptools import setup
from setuptools_rust import Binding, RustExtension

setup(
    rust_extensions=[
        RustExtension(
            "zkmargin._core",
            path="rust/python/Cargo.toml",
            binding=Binding.PyO3,
            debug=False,
            optional=True,
            args=["--locked"],
        )
    ],
)
