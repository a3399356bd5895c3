"""The paper's own numbers (tables I to VII), quoted beside those measured here.

`paper_tables.csv` holds them as printed, with the misprints; its column `note` says which look like misprints. The
column `trainer` names our trainer of the method, if there is one.
"""

import re
from importlib import resources

import pandas as pd

SOURCE = (
    "Wang et al., TaiChiNet: Negative-Positive Cross-Attention Network for Breast Lesion Segmentation in Ultrasound "
    "Images, IEEE Journal of Biomedical and Health Informatics (2024), doi:10.1109/JBHI.2024.3352984"
)
WITH_NORMAL, WITHOUT_NORMAL = "with normal cases", "without normal cases"
CAVEAT = (
    "quoted numbers come from other folds and trainings than these; the paper does not say over what their ± is taken "
    "(presumably the five folds)"
)
NORMAL_CAVEAT = (
    "the paper does not say how an empty mask counts; with normal cases, its means fall by about the share of normal "
    "cases (Dice from 0.836 to 0.673; 0.836 x 647 / 780 = 0.693), as if normal cases counted 0"
)
NAMES = {  # names of raw data sets without their number; BUSIS, BUS-BRA, other BUS and REFUGE2 are not the paper's
    "BUSI": r"busi(\d|[_-]|$).*",
    "Dataset B": r"(dataset[_-]?b|udiat)[_-]?\d*",
    "TN-SCUI2020": r"tn[_-]?scui.*",
    "REFUGE": r"refuge(?!2$)(\d|[_-]|$).*",
}


def read_tables() -> pd.DataFrame:
    """Read all seven tables.

    Returns:
        One row per number: table, dataset, condition, method, trainer, label, metric, mean, sd, note. A text is empty
        where there is nothing to say.
    """
    with resources.files(__package__).joinpath("paper_tables.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#", keep_default_na=False)


def quoted_rows(name: str, with_normal: bool = False) -> pd.DataFrame:
    """Find what the paper reports on a data set.

    Args:
        name: Name of the raw data set, such as Dataset101_BUSI.
        with_normal: Whether there are images without a lesion. The paper has numbers on BUSI with them and without.

    Returns:
        Rows of `read_tables()`, with a further column `cases`: "all" for numbers that include normal cases, else
        "lesion". There are no rows if the data set is not in the paper.
    """
    tables = read_tables()
    found = tables[tables["dataset"] == name_in_paper(name)]
    found = found[found["condition"] != (WITHOUT_NORMAL if with_normal else WITH_NORMAL)]
    return found.assign(cases=found["condition"].map({WITH_NORMAL: "all"}).fillna("lesion"))


def name_in_paper(name: str) -> str:
    """Return the paper's name of a data set, or "" if it is none of the paper's four.

    The name of the raw data set decides, because the user chose it. The reference in its dataset.json would not do: a
    converter writes it for all data of one layout, and phantoms have the layout of BUSI.
    """
    name = re.sub(r"^Dataset\d+_", "", name)
    return next((ours for ours, pattern in NAMES.items() if re.fullmatch(pattern, name, re.IGNORECASE)), "")


def remarks(rows: pd.DataFrame) -> list[str]:
    """Say where the quoted rows come from, and what readers must keep in mind about them."""
    if not len(rows):
        return []
    slips = [
        f"table {row.table}, {row.method}, {row.label}, {row.metric} {row.mean} ± {row.sd}: {row.note}"
        for row in rows[rows["note"] != ""].itertuples()
    ]
    normal = [NORMAL_CAVEAT] if (rows["cases"] == "all").any() else []
    return [f"quoted: as printed in {SOURCE}", CAVEAT, *normal, *slips]
