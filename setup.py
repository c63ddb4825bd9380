"""The Rust core is optional: without a Rust toolchain the package installs and runs on the reference, slowly.

``ZKMARGIN_REQUIRE_RUST=1`` (set by make where cargo exists) makes a core that does not build an error.
"""

import os

from setuptools import setup
from setuptools_rust import Binding, RustExtension

setup(
    rust_extensions=[
        RustExtension(
            "zkmargin._core",
            path="rust/python/Cargo.toml",
            binding=Binding.PyO3,
            debug=False,
            optional=os.environ.get("ZKMARGIN_REQUIRE_RUST") != "1",
            args=["--locked"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
