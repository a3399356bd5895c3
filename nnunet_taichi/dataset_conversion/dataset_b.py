"""Dataset B (UDIAT), breast ultrasound images (Yap et al. 2018): `original/000001.png`, `GT/000001.png`, and so on."""

from pathlib import Path

from nnunet_taichi.dataset_conversion.case import Case
from nnunet_taichi.dataset_conversion.findings import Description, Findings
from nnunet_taichi.dataset_conversion.layout import find_root
from nnunet_taichi.dataset_conversion.pairing import pair_by_number
from nnunet_taichi.dataset_conversion.tables import Row, find_table, image_key, note_missing_classes, read_table

SUMMARY = "Dataset B (UDIAT), breast ultrasound: benign and malignant lesions"
DEFAULT_NAME = "DatasetB"
DESCRIPTION = Description(
    channels=("ultrasound",),
    labels={"background": 0, "lesion": 1},
    reference="Yap et al., Automated breast ultrasound lesions detection using convolutional neural networks, "
    "IEEE Journal of Biomedical and Health Informatics 22(4) (2018) 1218-1226",
    licence="on request from its owners, under an agreement",
)

IMAGES, MASKS, TABLE = "original", "GT", "DatasetB.xlsx"


def find_cases(source: Path) -> Findings:
    """Find the cases. DatasetB.xlsx, if it exists, says which lesions are benign and which are malignant.

    Args:
        source: Folder that holds original/ and GT/, or its parent.

    Returns:
        The cases by number, named like 000001. No picture is read yet.

    Raises:
        SourceNotFoundError: The folders do not exist, or there is no image.
        TableError: The table cannot be read.
        BadFilesError: There are PNG files whose names are not numbers, or two with the same number.
    """
    root = find_root(source, (IMAGES, MASKS), "Dataset B")
    table = find_table(TABLE, (root, source))
    rows = read_table(table) if table else {}
    cases = []
    for number, image, masks in pair_by_number(root, IMAGES, MASKS):
        row = rows.get(image_key(image.name), Row())
        cases.append(Case(f"{number:06d}", image, masks, stratum=row.stratum.lower(), group=row.group))
    return Findings(
        cases,
        DESCRIPTION,
        roots={"": root},
        tables=[table] if table else [],
        tolerated=note_missing_classes(TABLE, table, cases),
    )
