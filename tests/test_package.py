"""What is installed: links, versions, locked dependencies, and what wheel and sdist hold."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zkmargin.backend import Arithmetic, engine, engine_name, engines
from zkmargin.errors import EngineUnavailable

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ["attestations", "circuits", "cli", "margin", "prover", "verifier"]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


# --- the tree -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_are_linked_into_the_package(layer: str) -> None:
    link = ROOT / "src" / "zkmargin" / layer
    assert link.is_symlink()
    assert os.readlink(link) == f"../../{layer}"
    module = importlib.import_module(f"zkmargin.{layer}")
    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / layer / "__init__.py"


def test_rules_are_linked_into_the_package() -> None:
    assert os.readlink(ROOT / "src" / "zkmargin" / "rules") == "../../specs/rules"


def test_every_folder_of_python_is_a_package() -> None:
    """A folder without ``__init__.py`` works in the tree, and is missing from the wheel."""
    for layer in LAYERS:
        for file in (ROOT / layer).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file


@pytest.mark.parametrize("name", ["zkmargin", "zkmargin.formats", "zkmargin.reference"])
def test_all_is_what_is_exported(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))
    public = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and not isinstance(value, ModuleType) and key != "annotations"
    }
    for key in exported:
        assert getattr(module, key) is not None
    assert public <= set(exported)


# --- versions and dependencies ------------------------------------------------------------------------------


def test_one_version(project: dict[str, Any]) -> None:
    stated = project["project"]["version"]
    workspace = tomllib.loads((ROOT / "rust" / "Cargo.toml").read_text())
    assert workspace["workspace"]["package"]["version"] == stated
    assert version("zkmargin") == stated
    assert f"## [{stated}]" in (ROOT / "CHANGELOG.md").read_text()
    if "rust" in engines():
        assert importlib.import_module("zkmargin._core").__version__ == stated


def _locked(name: str) -> dict[str, str]:
    """The pins of a requirements file, each of which must carry a hash."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    pins = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pin = re.match(r"([A-Za-z0-9._-]+)==(\S+)", line)
        assert pin, line
        assert "--hash=sha256:" in line, line
        pins[pin[1].lower().replace("_", "-")] = pin[2]
    return pins


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_dependencies_are_locked_with_hashes(project: dict[str, Any]) -> None:
    runtime, dev = _locked("runtime.txt"), _locked("dev.txt")
    assert {_name(entry) for entry in project["project"]["dependencies"]} <= runtime.keys()
    assert {_name(entry) for entry in project["project"]["optional-dependencies"]["dev"]} <= dev.keys()
    assert runtime.items() <= dev.items()
    for entry in project["build-system"]["requires"]:
        name, pinned = entry.split("==")
        assert dev[name] == pinned
        assert entry in (ROOT / "requirements" / "build.in").read_text().split()


# --- the choice of engine -----------------------------------------------------------------------------------


def test_engine_is_chosen_by_argument_then_environment_then_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZKMARGIN_ENGINE", raising=False)
    assert engine_name() == engines()[0]
    monkeypatch.setenv("ZKMARGIN_ENGINE", "reference")
    assert engine_name() == "reference"
    assert engine() is engine("reference")
    assert engine_name(engines()[0]) == engines()[0]
    monkeypatch.setenv("ZKMARGIN_ENGINE", "abacus")
    with pytest.raises(EngineUnavailable, match="abacus"):
        engine()


@pytest.mark.parametrize("name", engines())
def test_engines_have_what_the_protocol_says(name: str) -> None:
    promised = {member for member in vars(Arithmetic) if not member.startswith("_")}
    handles = {"Witness", "WitnessRun"}
    offered = {member for member, value in vars(engine(name)).items() if not isinstance(value, ModuleType)}
    assert promised <= offered
    if name == "rust":
        assert {member for member in offered if not member.startswith("_")} == promised | handles


def test_ci_has_the_rust_core() -> None:
    if os.environ.get("ZKMARGIN_CI") == "1":
        assert engines() == ["rust", "reference"]


# --- wheel and sdist ----------------------------------------------------------------------------------------


def _build(kind: str, tree: Path, out: Path) -> Path:
    """Build in ``tree`` with no Rust to be found."""
    environment = {key: value for key, value in os.environ.items() if key not in ("ZKMARGIN_REQUIRE_RUST", "CARGO")}
    out.mkdir(exist_ok=True)
    script = f"import setuptools.build_meta as b, sys; b.build_{kind}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(out)],
        cwd=tree,
        env={**environment, "PATH": str(out)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree") / "zkmargin"
    ignored = shutil.ignore_patterns(
        ".git",
        ".venv",
        "target",
        "node_modules",
        "__pycache__",
        "*.egg-info",
        "build",
        "dist",
        "out",
        ".*_cache",
    )
    shutil.copytree(ROOT, tree, symlinks=True, ignore=ignored)
    (tree / "src" / "zkmargin" / "_core.abi3.so").write_bytes(b"not to be packed")
    return _build("sdist", tree, tmp_path_factory.mktemp("build") / "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, as for any installation from PyPI."""
    into = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (tree,) = into.iterdir()
    return _build("wheel", tree, into / "wheel")


def test_sdist_holds_sources_only(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
        assert not [member.name for member in archive if member.issym() or member.islnk()]
    for needed in (
        "rust/Cargo.lock",
        "rust/Cargo.toml",
        "rust/python/src/lib.rs",
        "rust/arith/src/lib.rs",
        "LICENSE",
    ):
        assert needed in names
    assert not [name for name in names if name.endswith((".so", ".pyc"))]
    assert not [name for name in names if name.split("/")[0] in ("demo", "tests", "benchmarks", "out")]
    assert not [name for name in names if name.startswith("rust/target")]


def test_wheel_holds_every_module_and_rule_set(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "zkmargin"
    modules = {f"zkmargin/{path.relative_to(package)}" for path in package.glob("*.py")}
    for folder in [*LAYERS, "formats", "reference"]:
        modules |= {f"zkmargin/{path.relative_to(package)}" for path in (package / folder).rglob("*.py")}
    rule_sets = {f"zkmargin/rules/{path.name}" for path in (ROOT / "specs" / "rules").glob("*.yaml")}
    expected = modules | rule_sets | {"zkmargin/py.typed", "zkmargin/_core.pyi"}
    expected |= {"zkmargin/cli/report/page.js", "zkmargin/verifier/page.css"}
    held = {name for name in names if ".dist-info/" not in name}
    assert expected <= held
    stray = {name for name in held - expected if name.endswith((".py", ".so")) or name.split("/")[0] != "zkmargin"}
    assert not stray


def test_installs_and_works_without_rust(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")  # noqa: S202 (built a moment ago)
    script = (
        "import zkmargin.backend as b; from zkmargin.field import encode_elements, decode_elements;"
        "print(b.__file__); print(b.engines());"
        "print(*decode_elements(b.engine().poseidon(encode_elements([1, 2]))))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("ZKMARGIN_ENGINE", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    file, names, digest = done.stdout.splitlines()
    assert Path(file).is_relative_to(tmp_path)
    assert names == "['reference']"
    assert digest == "7853200120776062878684798364095072458815029376092732009249414926327459813530"


def test_no_two_test_modules_of_one_name() -> None:
    """pytest imports them by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts]
    names = [name for name in names if name not in ("__init__.py", "__main__.py", "conftest.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
