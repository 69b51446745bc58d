# SPDX-License-Identifier: Apache-2.0
"""What the library raises."""


class Error(Exception):
    """Base of the library's errors. `str()` reads "WHERE: WHAT (HINT)".

    where: file, argument or option that it is about; may be empty
    hint:  what can be done about it; may be empty
    """

    def __init__(self, message: str, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.where = where
        self.hint = hint

    def __reduce__(self):
        return type(self), (str(self), self.where, self.hint)


class UsageError(Error, ValueError):
    """A wrong argument."""


class InputError(Error, ValueError):
    """A file, or a value read from one, that cannot be used."""


class RunError(Error, RuntimeError):
    """Work that failed for a reason outside its input."""
