"""TN-SCUI2020, thyroid ultrasound images: `image/7.PNG`, `mask/7.PNG`, and so on.

By default, there are five folds of all cases, as in the paper: "we randomly selected 20% of the training data as the
test set. It is subjected to five-fold cross-validation". So the test set is the fifth that a fold does not train on.
`--test-fraction 0.2` sets a fifth aside once, and makes folds of the rest.
"""

from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.findings import Description, Findings
from nnunet_taichi.dataset_conversion.layout import files, find_root, subfolders
from nnunet_taichi.dataset_conversion.pairing import pair_by_number
from nnunet_taichi.dataset_conversion.tables import Row, find_table, image_key, note_missing_classes, read_table

SUMMARY = "TN-SCUI2020, thyroid ultrasound: benign and malignant nodules"
DEFAULT_NAME = "TNSCUI"
DESCRIPTION = Description(
    channels=("ultrasound",),
    labels={"background": 0, "lesion": 1},
    reference="Zhou et al., Thyroid Nodule Segmentation and Classification in Ultrasound Images (TN-SCUI2020), "
    "challenge of MICCAI 2020, doi:10.5281/zenodo.3715942",
    licence="from the challenge's organisers, not to be passed on",
)

IMAGES, MASKS, TABLE = "image", "mask", "train.csv"
CLASSES = {"0": "benign", "1": "malignant"}
TEST_FOLDER = "tnscui2020_testset"


def find_cases(source: Path) -> Findings:
    """Find the cases.

    train.csv, if it exists, says which nodules are benign and which are malignant. If it has a column of patients, the
    images of a patient stay together.

    Args:
        source: Folder that holds image/ and mask/, or its parent.

    Returns:
        The cases by number, named like tnscui_00001. No picture is read yet.

    Raises:
        SourceNotFoundError: The folders do not exist, or there is no image.
        TableError: The table cannot be read.
        BadFilesError: There are PNG files whose names are not numbers, or two with the same number.
    """
    root = find_root(source, (IMAGES, MASKS), "TN-SCUI2020")
    table = find_table(TABLE, (root, source))
    rows = read_table(table) if table else {}
    cases = []
    for number, image, masks in pair_by_number(root, IMAGES, MASKS):
        row = rows.get(image_key(image.name), Row())
        stratum = CLASSES.get(row.stratum, row.stratum)
        cases.append(Case(f"tnscui_{number:05d}", image, masks, stratum=stratum, group=row.group))
    return Findings(
        cases,
        DESCRIPTION,
        roots={"": root},
        tables=[table] if table else [],
        tolerated=note_missing_classes(TABLE, table, cases),
        left_out=_find_test_images(root),
    )


def _find_test_images(root: Path) -> list[str]:
    """Return a note on the challenge's test images, which have no masks, if they lie beside the training folder."""
    folder = subfolders(root.resolve().parent).get(TEST_FOLDER)
    count = len(files(folder, [".png"])) if folder else 0
    use = "`nnunet_taichi convert images` makes them fit for predicting"
    return [f"{TEST_FOLDER}: {count} test images, which have no masks; {use}"] if count else []
