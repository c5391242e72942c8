#!/usr/bin/env python3
"""Packs a folder that scripts/release.sh has filled into a wheel, without building anything again:

    python3 scripts/wheel.py FOLDER VERSION OUT

pip puts the program into the environment's bin/, and configs, corpus and components under its share/trainyard/.
"""

import base64
import hashlib
import platform
import re
import sys
import zipfile
from pathlib import Path

# in the wheel: what a run needs, and the SDK
SHARED = ["configs", "corpus", "plugin-sdk", "target"]
LICENCES = ["LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY.txt"]


def c_library(program: bytes) -> tuple[int, int]:
    """The oldest version of the GNU C library that has all that the program asks for."""
    versions = [(int(major), int(minor)) for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", program)]
    if not versions:
        sys.exit("wheel: the program names no GNU C library, expected a program for Linux")
    if b"\0GLIBC_ABI_DT_RELR\0" in program:  # addresses packed as that version's loader knows them
        versions.append((2, 36))
    return max(versions)


def files(root: Path, dist: str, data: str) -> dict[str, tuple[bytes, int]]:
    """Every file of the wheel but its record: its bytes and its permissions."""
    found = {f"{data}/scripts/trainyard": ((root / "trainyard").read_bytes(), 0o755)}
    for top in SHARED:
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and path.suffix != ".so":
                name = path.relative_to(root).as_posix()
                found[f"{data}/data/share/trainyard/{name}"] = (path.read_bytes(), 0o644)
    for name in LICENCES:
        found[f"{dist}/licenses/{name}"] = ((root / name).read_bytes(), 0o644)
    return found


def main() -> None:
    root, version, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    dist, data = f"trainyard-{version}.dist-info", f"trainyard-{version}.data"
    packed = files(root, dist, data)
    major, minor = c_library(packed[f"{data}/scripts/trainyard"][0])
    tag = f"py3-none-manylinux_{major}_{minor}_{platform.machine()}"
    readme = (root / "README.md").read_text()
    metadata = (
        f"Metadata-Version: 2.4\nName: trainyard\nVersion: {version}\n"
        "Summary: A training host for language models, extended by sandboxed WASM or native plugins\n"
        "License-Expression: MIT OR Apache-2.0\n"
        + "".join(f"License-File: {name}\n" for name in LICENCES)
        + f"Description-Content-Type: text/markdown\n\n{readme}"
    )
    wheel = f"Wheel-Version: 1.0\nGenerator: trainyard {version}\nRoot-Is-Purelib: false\nTag: {tag}\n"
    packed[f"{dist}/METADATA"] = (metadata.encode(), 0o644)
    packed[f"{dist}/WHEEL"] = (wheel.encode(), 0o644)

    record = ""
    path = out / f"trainyard-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(name: str, content: bytes, mode: int) -> None:
            entry = zipfile.ZipInfo(name)  # of 1980: the same bytes whenever it is made
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)

        for name, (content, mode) in packed.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(content)}\n"
            add(name, content, mode)
        add(f"{dist}/RECORD", f"{record}{dist}/RECORD,,\n".encode(), 0o644)
    print(path)


if __name__ == "__main__":
    main()
