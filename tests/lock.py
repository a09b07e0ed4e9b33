"""What `lock.txt` pins, held against what is installed."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

FILE = Path(__file__).parents[1] / "lock.txt"


def locked() -> dict[str, Version]:
    """The version that each package has under the lock, for this Python and system."""
    lines = (line.split("#")[0].strip() for line in FILE.read_text("utf-8").splitlines())
    pins = [pin for pin in map(Requirement, filter(None, lines)) if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: Version(next(iter(pin.specifier)).version) for pin in pins}


def drifted() -> dict[str, str]:
    """Packages that are installed in another version than the lock's, with that version; builds do not matter."""
    found = {}
    for name, pinned in locked().items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if Version(installed).public != pinned.public:
            found[name] = installed
    return found
