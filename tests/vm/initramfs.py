"""Owns: what is in a guest: busybox, the test programs and their libraries, Python where a run wants it.

Must not know: how a guest is booted.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from archive import Archive
from guest_script import guest_script
from machine import Machine, MachineError

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
PROGRAMS = PROJECT / "build/dev/tests"  # where the CMake preset dev puts vm_programs
TEST_PROGRAMS = ("contract", "stress", "unit_arena", "vm_placement", "refuse_policies")
PYTHON_PACKAGES = ("numapool", "numpy", "pytest")
# What no test imports of the standard library and of packages: folders, and how files' names end and begin.
UNWANTED = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "f2py",
}
UNWANTED |= {"dist-packages", "distutils", "include", "pydoc_data", "licenses"}
UNWANTED_ENDINGS = (".pyi", ".a", ".h", ".opt-1.pyc", ".opt-2.pyc")
UNWANTED_MODULES = ("_tkinter", "_test", "_ctypes_test", "_xx")


def _libraries(files: list[Path]) -> dict[str, Path]:
    """Return the shared libraries that these files need, by path in the guest."""
    listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    missing = re.findall(r"^\s*(\S+) => not found", listed.stdout, re.MULTILINE)
    if missing:
        raise MachineError(f"the shared library '{missing[0]}' that the guest's programs need is not found")
    found = {}
    for name, path in re.findall(r"^\s*(\S+) => (/\S+) \(0x", listed.stdout, re.MULTILINE):
        found[f"lib/{name}"] = Path(path)
    for path in re.findall(r"^\s*(/\S+) \(0x", listed.stdout, re.MULTILINE):
        found[path] = Path(path)  # the loader, which programs name by its full path
    return found


def _add_programs(archive: Archive, programs: dict[str, Path]) -> None:
    for name, path in programs.items():
        archive.add_file(f"bin/{name}", path, executable=True)
    for name, path in _libraries(list(programs.values())).items():
        archive.add_file(name, path, executable=True)


def base_archive() -> Archive:
    """Return what every guest has."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise MachineError("there is no busybox: run 'tools/setup vm', or install busybox-static")
    programs = {name: PROGRAMS / name for name in TEST_PROGRAMS}
    for path in programs.values():
        if not path.exists():
            raise MachineError(
                f"{path.relative_to(PROJECT)} is not built: cmake --preset dev && "
                "cmake --build --preset dev --target vm_programs"
            )
    archive = Archive()
    archive.add_character_device("dev/console", 5, 1)  # else the first process has no output
    archive.add_file("init", HERE / "guest/init.sh", executable=True)
    _add_programs(archive, programs | {"busybox": Path(busybox)})
    for test in sorted((HERE / "python").glob("*.py")):
        archive.add_file(f"numapool/{test.relative_to(PROJECT)}", test)
    archive.add_file("numapool/pyproject.toml", PROJECT / "pyproject.toml")
    return archive


def _wanted(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    if UNWANTED.intersection(parts) or path.name.startswith(UNWANTED_MODULES):
        return False
    return path.is_file() and not path.name.endswith(UNWANTED_ENDINGS)


def _package_files(name: str, seen: set[str]) -> dict[str, Path]:
    """Return the files of an installed package and of what it requires, by path below site-packages."""
    if name in seen:
        return {}
    seen.add(name)
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise MachineError(
            f"the Python package '{name}' is not installed in .venv: run tools/setup"
        ) from error
    site = Path(str(package.locate_file("")))
    found = {}
    for file in package.files or []:
        path = Path(str(package.locate_file(file)))
        if ".." not in file.parts and _wanted(path, site):
            found[str(file)] = path
    for requirement in package.requires or []:
        if ";" not in requirement:  # an extra, or for other systems
            found |= _package_files(re.split(r"[^\w.-]", requirement)[0], seen)
    return found


def with_python(base: Archive) -> Archive:
    """Return an archive that has this interpreter, its library, and the packages that tests import."""
    archive = base.copy()
    library = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    stdlib = Path(sysconfig.get_path("stdlib"))
    extensions = Path(sysconfig.get_config_var("DESTSHARED"))
    places: dict[str, Path] = {}
    for folder, target in ((stdlib, library), (extensions, f"{library}/lib-dynload")):
        wanted = [path for path in folder.rglob("*") if _wanted(path, folder)]
        places |= {f"{target}/{path.relative_to(folder)}": path for path in wanted}
    seen: set[str] = set()
    for name in PYTHON_PACKAGES:
        places |= {f"python/site/{file}": path for file, path in _package_files(name, seen).items()}
    for place, path in places.items():
        archive.add_file(place, path)
    command = Path(sys.prefix) / "bin/numapool"
    _add_programs(archive, {"python3": Path(sys.executable).resolve(), "numapool": command})
    inside = {path.resolve() for path in places.values()}
    for name, path in _libraries([path for path in inside if ".so" in path.suffixes]).items():
        if path.resolve() not in inside and name not in archive:
            archive.add_file(name, path, executable=True)
    return archive


def write_initramfs(machine: Machine, archive: Archive, path: Path) -> None:
    """Write the machine's first file system."""
    whole = archive.copy()
    whole.add_file("numapool/machine.sh", guest_script(machine).encode())
    whole.write(path)
