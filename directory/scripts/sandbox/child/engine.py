"""Loads QuickJS from dukpy, and gives its contexts a stack deep enough for recursive scripts.

Only ``main.py`` imports it, which runs without this package.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
import resource
from typing import Any

# dukpy's 1 MB allows 640 nested calls of a script's function; this allows 20,000, or 6,000 through map or forEach.
STACK_BYTES = 32 << 20
# For Python's own frames and the engine's last one.
MARGIN_BYTES = 8 << 20
SMALLEST_STACK_BYTES = 1 << 20


class _Context(ctypes.Structure):
    """The first fields of the struct in a capsule of dukpy 0.6.0 (its src/_support.h), which requirements.txt pins."""

    _fields_ = (("runtime", ctypes.c_void_p), ("context", ctypes.c_void_p))


def load_engine() -> Any:
    """Load only dukpy's C module: the package around it imports compilers and an HTTP client."""
    package = importlib.util.find_spec("dukpy")
    if package is None or not package.submodule_search_locations:
        raise ImportError("dukpy is not installed")
    finder = importlib.machinery.FileFinder(
        package.submodule_search_locations[0],
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    )
    spec = finder.find_spec("_dukpy")
    if spec is None or spec.loader is None:
        raise ImportError("dukpy has no engine")
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    return engine


class Stack:
    """A deeper stack for every context of an engine; make it before the process is locked down."""

    def __init__(self, engine: Any) -> None:
        self._bytes = _grow_the_process_stack()
        library = ctypes.CDLL(engine.__file__)
        self._runtime_of = library.JS_GetRuntime
        self._runtime_of.restype, self._runtime_of.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        self._set = library.JS_SetMaxStackSize
        self._set.restype, self._set.argtypes = None, [ctypes.c_void_p, ctypes.c_size_t]
        self._pointer = ctypes.pythonapi.PyCapsule_GetPointer
        self._pointer.restype, self._pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

    def give(self, capsule: Any) -> None:
        """Allow the scripts of one context to use the whole stack.

        Raises:
            RuntimeError: when dukpy's contexts differ from those of the pinned version.
        """
        pointers = _Context.from_address(self._pointer(capsule, b"DUKPY_CONTEXT_CAPSULE"))
        if self._runtime_of(pointers.context) != pointers.runtime:
            raise RuntimeError("this dukpy keeps its contexts in another way: install the version in requirements.txt")
        self._set(pointers.runtime, self._bytes)


def _grow_the_process_stack() -> int:
    """Raise the stack limit of this process as far as allowed, and return the bytes of it that scripts may use."""
    size = STACK_BYTES + MARGIN_BYTES
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if hard != resource.RLIM_INFINITY:
            size = min(size, hard)
        if soft != resource.RLIM_INFINITY and soft < size:
            resource.setrlimit(resource.RLIMIT_STACK, (size, hard))
    except (OSError, ValueError):
        # The layer "Resource limits" reports that limits can't be set; dukpy's own size fits into every stack.
        return SMALLEST_STACK_BYTES
    return max(min(STACK_BYTES, size - MARGIN_BYTES), SMALLEST_STACK_BYTES)
