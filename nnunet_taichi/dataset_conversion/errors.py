"""What can be wrong with a data set's files or with the target of its conversion: one exception for each fault."""

from collections.abc import Sequence
from pathlib import Path


class ConversionError(Exception):
    """A conversion is not possible.

    Attributes:
        path: File or folder at fault.
        cause: What is wrong with it and, if that helps, how to mend it.
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, cause)  # both are in `args`, since a worker returns the exception by pickle
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


class SourceNotFoundError(ConversionError):
    """The source folder does not hold the data set."""


class UnexpectedFileError(ConversionError):
    """A file has a name that does not occur in the data set."""


class MissingFileError(ConversionError):
    """An image has no mask, or a mask has no image."""


class UnreadableFileError(ConversionError):
    """A file is torn, does not hold exactly one picture, or is of a kind that does not occur in the data set."""


class SizeMismatchError(ConversionError):
    """The sizes of a mask and its image differ."""


class MaskValueError(ConversionError):
    """A mask has values without a meaning, shows a lesion where none is allowed, or none where one is required."""


class DuplicateCaseError(ConversionError):
    """Two images would get the same name."""


class TableError(ConversionError):
    """A table of classes and patients cannot be read, or lacks a column."""


class TargetExistsError(ConversionError):
    """The target is taken: by a data set, by the conversion's own source, or by another conversion."""


class NotWrittenError(ConversionError):
    """The target cannot be written, for lack of space or permission."""


class BadFilesError(Exception):
    """All files that are wrong, so that users can mend them together.

    Attributes:
        errors: One error for each fault of a file.
    """

    def __init__(self, errors: Sequence[ConversionError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))
