"""What can be wrong with a data set's files or with the place for its copy: one named exception each."""

from collections.abc import Sequence
from pathlib import Path


class ConversionError(Exception):
    """A conversion that cannot be done.

    Attributes:
        path: The file or folder at fault.
        cause: What is wrong with it, and where it helps, the cure.
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, cause)  # both in `args`: the exception comes back from a worker by pickle
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


class SourceNotFoundError(ConversionError):
    """The source folder does not hold the data set."""


class UnexpectedFileError(ConversionError):
    """A file has a name that the data set does not have."""


class MissingFileError(ConversionError):
    """An image without its mask, or a mask without its image."""


class UnreadableFileError(ConversionError):
    """A file is torn, is no single picture, or is of a kind that the data set does not have."""


class SizeMismatchError(ConversionError):
    """A mask has another size than its image."""


class MaskValueError(ConversionError):
    """A mask has values that stand for nothing, or shows a lesion where there is none, or none where there is one."""


class DuplicateCaseError(ConversionError):
    """Two images would get the same name."""


class TableError(ConversionError):
    """A table of classes and patients cannot be read, or lacks a column."""


class TargetExistsError(ConversionError):
    """The place of the data set is taken: by a data set, by its own source, or by another conversion."""


class NotWrittenError(ConversionError):
    """The copy cannot be written: no space, or no permission."""


class BadFilesError(Exception):
    """Every file that is wrong, so that they can be mended in one go.

    Attributes:
        errors: What is wrong with each of the files.
    """

    def __init__(self, errors: Sequence[ConversionError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))
