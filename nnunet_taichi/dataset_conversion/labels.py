"""Labels and regions as a user names them on the command line."""

import re
from collections.abc import Mapping, Sequence

from nnunet_taichi.dataset_conversion.masks import colour_code

BACKGROUND, IGNORE = "background", "ignore"  # nnU-Net's names for label 0, and for pixels that the loss ignores


def parse_labels(texts: Sequence[str]) -> tuple[dict[str, int], dict[int, int]]:
    """Read labels such as disc=128 cup=255,#ff0000, and number them from 1 in order; nnU-Net needs "ignore" last.

    Returns:
        The number of each label, with background (black, unless it is named) first; and the label of each grey value or
        colour, in the codes that `read_coded_mask` takes.

    Raises:
        ValueError: A text is not a label, there is no label beside the background, or one value stands for two labels.
    """
    values = _parse("--labels", texts, ",", "NAME=VALUE[,VALUE...]")
    values = {BACKGROUND: values.pop(BACKGROUND, ["0"])} | values
    names = sorted(values, key=lambda name: name == IGNORE)
    if not set(names) - {BACKGROUND, IGNORE}:
        raise ValueError("--labels: expected a label beside the background, found none; add NAME=VALUE")
    codes: dict[int, int] = {}
    for number, name in enumerate(names):
        for value in values[name]:
            known = codes.setdefault(_parse_value(value), number)
            if known != number:
                raise ValueError(
                    f"--labels: {value} stands for {names[known]} and for {name}; give each value one label"
                    + (" (background is 0 unless you name its value)" if known == 0 else "")
                )
    return {name: number for number, name in enumerate(names)}, codes


def parse_regions(
    texts: Sequence[str], labels: Mapping[str, int]
) -> tuple[dict[str, int | tuple[int, ...]], tuple[int, ...]]:
    """Read regions such as disc=rim+cup cup=cup.

    nnU-Net writes regions over one another, in order. So a label can be recovered only if no other label has the same
    last region, that is, the last region that holds it.

    Returns:
        The labels of each region, as in dataset.json, and the label that nnU-Net writes for each region.

    Raises:
        ValueError: A text is not a region, or regions in this order do not give back all labels.
    """
    usable = {name: number for name, number in labels.items() if name not in (BACKGROUND, IGNORE)}
    regions = _parse("--regions", texts, "+", "NAME=LABEL[+LABEL...]")
    last: dict[str, str] = {}
    for region, members in regions.items():
        if region in (BACKGROUND, IGNORE):
            raise ValueError(f"--regions: {region} is always there; leave it out")
        if unknown := [name for name in members if name not in usable]:
            raise ValueError(f"--regions: expected labels ({', '.join(usable)}) in {region}, found {unknown[0]}")
        last |= dict.fromkeys(members, region)
    if missing := [name for name in usable if name not in last]:
        raise ValueError(f"--regions: {missing[0]} is in no region; add it to one, or make its value background")
    described: dict[str, int | tuple[int, ...]] = {BACKGROUND: 0}
    for region, members in regions.items():
        numbers = tuple(sorted({usable[name] for name in members}))
        described[region] = numbers if numbers[1:] else numbers[0]
    order = tuple(usable[_find_own_label(region, last)] for region in regions)
    return described | {name: number for name, number in labels.items() if name == IGNORE}, order


def _find_own_label(region: str, last: Mapping[str, str]) -> str:
    """Return the label to write for a region, given the last region that holds each label."""
    own = [label for label, holder in last.items() if holder == region]
    if not own:
        raise ValueError(f"--regions: later regions hold all of {region}; order them from the outer to the inner")
    if own[1:]:
        raise ValueError(
            f"--regions: {region} is the last to hold {' and '.join(own)}, so that nothing tells them apart; add a "
            "region of one of them behind it, or give both values to one label"
        )
    return own[0]


def _parse(option: str, texts: Sequence[str], separator: str, expected: str) -> dict[str, list[str]]:
    """Split texts such as NAME=PART[,PART...] into the parts of each name."""
    parsed: dict[str, list[str]] = {}
    for text in texts:
        name, _, parts = text.partition("=")
        if not name or not all(parts.split(separator)):
            raise ValueError(f"{option}: expected {expected}, got {text!r}")
        if name in parsed:
            together = separator.join([*parsed[name], parts])
            raise ValueError(f"{option}: {name} is given twice; write {name}={together}")
        parsed[name] = parts.split(separator)
    return parsed


def _parse_value(text: str) -> int:
    """Return the code of a grey value, or of a colour such as #rrggbb."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return colour_code(*bytes.fromhex(text[1:]))
    if not re.fullmatch(r"[0-9]+", text) or int(text) > 65535:
        raise ValueError(f"--labels: expected a grey value from 0 to 65535, or a colour as #rrggbb, got {text!r}")
    return int(text)
