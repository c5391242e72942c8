#!/usr/bin/env python3
"""Writes the licences of the libraries that the program is made of, which have to go with it:

    python3 scripts/third_party.py FILE

What the crates' own folders say, each text once.
"""

import json
import subprocess
import sys
from pathlib import Path

# of files that hold a licence
NAMES = ("license", "licence", "copying", "notice", "unlicense")


def crates() -> list[dict]:
    """The packages from registries that are linked into the program, as `cargo metadata` describes them."""
    host = next(line[6:] for line in output("rustc", "-vV").splitlines() if line.startswith("host: "))
    metadata = json.loads(output("cargo", "metadata", "--offline", "--format-version=1", "--filter-platform", host))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [package["id"] for package in packages.values() if package["name"] == "trainyard"]
    linked = set()
    while waiting:
        package = waiting.pop()
        if package not in linked:
            linked.add(package)
            for dependency in nodes[package]["deps"]:
                if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                    waiting.append(dependency["pkg"])
    found = [packages[package] for package in linked if packages[package]["source"]]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    texts: dict[str, list[str]] = {}
    lines = ["trainyard is built from the following libraries. The texts of their licences follow.", ""]
    for package in crates():
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {package['license'] or 'see below'}, {package['repository'] or 'crates.io'}")
        folder = Path(package["manifest_path"]).parent
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name.lower().startswith(NAMES):
                texts.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for text, names in texts.items():
        lines += ["", "-" * 100, "", "Of " + ", ".join(names) + ":", "", text]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
