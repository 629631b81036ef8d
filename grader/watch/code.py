"""Whose code it is, told from the file name it was compiled under: a library's, a trusted cell's, or the student's.

Owns that one decision. File names can be made up; who compiles under a library's or a trusted cell's name is noticed by
`alarm`. Nothing here looks a name up where a notebook could have replaced it: the builtins are a copy of before.
"""

from __future__ import annotations

import builtins
import sysconfig
from types import CodeType, FunctionType

globals()["__builtins__"] = dict(vars(builtins))

TRUSTED: set[str] = set()  # file names of the cells that are the instructor's, in this one process
_NEUTRAL = ("<frozen ", "<decorator-gen", "<__array_function__")
_PLACES = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OURS = __file__.rpartition("/watch/")[0] + "/"
_code_of = FunctionType.__dict__["__code__"].__get__
_file_of = CodeType.__dict__["co_filename"].__get__
_wrapped = {staticmethod: "__func__", classmethod: "__func__", property: "fget"}


def is_library(file: str) -> bool:
    """Whether a file name is that of an installed module, or of our own."""
    return file.startswith(_PLACES) or file.startswith(_NEUTRAL) or file.startswith(_OURS)


def is_students(file: str) -> bool:
    """Whether code of this file name is neither a library's nor the instructor's."""
    return file not in TRUSTED and not is_library(file)


def is_students_function(value: object) -> bool:
    """Whether `value` is a function, or a method as it stands in a class, that the student wrote."""
    kind = type(value)
    if kind in _wrapped:
        value = kind.__dict__[_wrapped[kind]].__get__(value)
    if type(value) is not FunctionType:
        return False
    return is_students(_file_of(_code_of(value)))
