"""Requests the advisories for all installed packages from pip's package index.

Prints new advisories and exits with 1; exits with 3 when the index can't be reached or has no advisories.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

TIMEOUT = 10
NO_ANSWER = 3
# Read the default from pip, so that a patched default counts here too.
_DEFAULT = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


class NoAnswer(Exception):
    """The index can't be reached, or it has no advisories."""


def index_url() -> str:
    """Return the address of the index that pip uses."""
    if chosen := os.environ.get("PIP_INDEX_URL", "").strip():
        return chosen
    found = _pip("-m", "pip", "config", "get", "global.index-url") or _pip(
        "-m", "pip", "config", "get", "install.index-url"
    )
    return found or _pip("-c", _DEFAULT)


def _pip(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def advisories(index: str, name: str, version: str) -> list[dict[str, object]]:
    """Return the advisories of the index for one release.

    Raises:
        NoAnswer: when it does not answer, or its answer has no list of advisories.
    """
    root = urlsplit(index.rstrip("/").removesuffix("/simple"))
    if root.scheme not in {"http", "https"}:
        raise NoAnswer("the index is a folder, which keeps no advisories")
    try:
        with urllib.request.urlopen(_question(root, name, version), timeout=TIMEOUT) as answer:  # noqa: S310  # http or https, see above
            return [each for each in json.load(answer)["vulnerabilities"] if not each.get("withdrawn")]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            # An own release, or one that was removed from the index.
            return []
        raise NoAnswer(str(error)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoAnswer(str(error)) from error


def _question(root: SplitResult, name: str, version: str) -> urllib.request.Request:
    path = f"{root.path}/pypi/{quote(name)}/{quote(version)}/json"
    user, _, host = root.netloc.rpartition("@")
    question = urllib.request.Request(root._replace(netloc=host, path=path, query="", fragment="").geturl())  # noqa: S310
    if user:
        question.add_header("Authorization", f"Basic {base64.b64encode(unquote(user).encode()).decode()}")
    return question


def known(page: Path) -> set[str]:
    """Return the accepted advisories, from the page's last section."""
    return set(re.findall(r"CVE-\d+-\d+", page.read_text("utf-8").partition("\n## Known")[2]))


def main(page: Path) -> int:
    """Print the advisories for installed packages that are not accepted; return the exit code."""
    index, installed = index_url(), sorted({(each.name.lower(), each.version) for each in distributions()})
    try:
        # Try one release first: without an answer, the others are not requested.
        if not _has_advisories(index):
            raise NoAnswer("the index keeps no advisories")
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda package: advisories(index, *package), installed))
    except NoAnswer as error:
        print(f"    {error}")
        return NO_ANSWER
    lived_with, problems = known(page), 0
    for (name, version), found in zip(installed, answers, strict=True):
        for each in found:
            names = _names(each)
            if not lived_with & names:
                problems += 1
                print(
                    f"{name} {version}: {', '.join(sorted(names))}; mended in {each.get('fixed_in')}", file=sys.stderr
                )
    print(f"    {len(installed)} packages, {problems} advisories that nobody has looked at")
    return min(problems, 1)


def _has_advisories(index: str) -> bool:
    """Return whether the index has advisories for an old release that is known to have some."""
    return bool(advisories(index, "Django", "5.2"))


def _names(advisory: dict[str, object]) -> set[str]:
    aliases = advisory.get("aliases")
    return {str(advisory.get("id")), *map(str, aliases if isinstance(aliases, Iterable) else ())}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
