from itertools import combinations

import numpy as np
import pytest
from case_rows import dice_rows, row, table
from scipy import stats

from nnunet_taichi.evaluation.statistics import bootstrap_interval, compare_pairs, holm, rank_biserial


def one_pair(*rows, **options):
    (pair,) = compare_pairs(table(*rows), **options)
    return pair


@pytest.mark.parametrize("n", [6, 40, 129])  # exact, exact, normal approximation
def test_p_is_that_of_scipy_on_the_arrays(n):
    generator = np.random.default_rng(n)
    a = generator.uniform(size=n)
    b = np.clip(a + generator.normal(0.05, 0.2, n), 0, 1)
    pair = one_pair(dice_rows("a", a), dice_rows("b", b))
    assert pair.p == pytest.approx(stats.wilcoxon(a, b).pvalue, rel=1e-12)
    assert pair.p_holm == pair.p  # a family of one
    assert (pair.a, pair.b, pair.n, pair.label, pair.cases, pair.note) == ("a", "b", n, "lesion", "lesion", "")
    assert pair.mean_difference == pytest.approx(b.mean() - a.mean(), abs=1e-12)


def test_better_equal_and_worse_are_counted_for_b():
    pair = one_pair(dice_rows("a", [0.5, 0.5, 0.5, 0.5, 0.5]), dice_rows("b", [0.6, 0.7, 0.2, 0.9, 0.5]))
    assert (pair.wins, pair.ties, pair.losses) == (3, 1, 1)
    assert pair.effect_size == pytest.approx((1 + 2 + 4 - 3) / 10)  # ranks of 0.1, 0.2, 0.3, 0.4


def test_pairs_come_in_the_order_of_the_runs():
    pairs = compare_pairs(table(*(dice_rows(run, [0.1, 0.2]) for run in ("z", "a", "m"))))
    assert [(pair.a, pair.b) for pair in pairs] == [("z", "a"), ("z", "m"), ("a", "m")]


def test_cases_are_paired_by_name_not_by_place():
    a = dice_rows("a", [0.1, 0.5, 0.9], cases=["x", "y", "z"])
    b = dice_rows("b", [0.9, 0.1, 0.5], cases=["z", "x", "y"])
    assert one_pair(a, b).ties == 3


@pytest.mark.parametrize("n", [1, 3, 20, 60])  # scipy alone: an error, 1, NaN, NaN
def test_no_difference_at_all_is_no_evidence(n):
    dice = np.linspace(0.1, 0.9, n)
    pair = one_pair(dice_rows("a", dice), dice_rows("b", dice))
    assert (pair.p, pair.p_holm, pair.effect_size, pair.mean_difference) == (1, 1, 0, 0)
    assert (pair.wins, pair.ties, pair.losses, pair.note) == (0, n, 0, "all differences are zero")


def test_one_case_has_no_interval_and_no_evidence():
    pair = one_pair(dice_rows("a", [0.4]), dice_rows("b", [0.9]))
    assert (pair.n, pair.p, pair.effect_size, pair.note) == (1, 1, 1, "a single case")
    assert np.isnan([pair.ci_low, pair.ci_high]).all()


def test_two_cases_have_all_their_resamples_between_their_differences():
    pair = one_pair(dice_rows("a", [0.5, 0.5]), dice_rows("b", [0.4, 0.8]))
    assert pair.p == 1  # of the 4 equally likely sums of ranks 0, 1, 2, 3, two are at most 1
    assert (pair.ci_low, pair.ci_high) == pytest.approx((-0.1, 0.3))  # each end is a quarter of the resamples


def test_equal_differences_stay_equal_in_binary():
    pair = one_pair(dice_rows("a", [0.6, 0.7, 0.3]), dice_rows("b", [0.7, 0.8, 0.2]))  # 0.7 - 0.6 != 0.8 - 0.7
    assert pair.effect_size == pytest.approx(1 / 3)  # three times rank 2
    assert pair.p == pytest.approx(stats.wilcoxon([1, 1, -1]).pvalue)


def test_a_case_of_several_folds_counts_once():
    folds = [("0", [0.1, 0.5]), ("1", [0.3, 0.5]), ("2", [0.2, 0.8])]
    a = [each for fold, dice in folds for each in dice_rows("a", dice, fold)]
    pair = one_pair(a, dice_rows("b", [0.3, 0.5]))
    assert pair.n == 2
    assert pair.mean_difference == pytest.approx((0.3 - 0.2 + 0.5 - 0.6) / 2)
    assert (pair.wins, pair.losses) == (1, 1)


def test_pairs_use_the_cases_that_both_have():
    a = dice_rows("a", [0.1, 0.2, 0.3], cases=["x", "y", "z"])
    b = dice_rows("b", [0.2, 0.4], cases=["y", "w"])
    c = dice_rows("c", [0.5], cases=["w"])
    ab, ac, bc = compare_pairs(table(a, b, c))
    assert (ab.n, ab.ties) == (1, 1)
    assert (ac.n, ac.note) == (0, "no case that both have")
    assert np.isnan([ac.p, ac.p_holm, ac.mean_difference, ac.effect_size, ac.ci_low]).all()
    assert (bc.n, bc.wins) == (1, 1)
    assert (ab.p_holm, bc.p_holm) == (1, 1)


def test_each_label_and_scope_is_a_family_of_its_own():
    generator = np.random.default_rng(1)
    rows = [
        dice_rows(run, generator.uniform(shift, 1, 30), label=label)
        for run, shift in (("a", 0), ("b", 0.1), ("c", 0.2))
        for label in ("disc", "cup")
    ]
    normal = [row(run, "normal", 0, 0, 0, 9, label="cup") for run in "abc"]
    pairs = compare_pairs(table(*rows, normal))
    families = [("disc", "lesion"), ("cup", "lesion"), ("cup", "all")]
    assert [(pair.label, pair.cases) for pair in pairs] == [family for family in families for _ in range(3)]
    for family in families:
        members = [pair for pair in pairs if (pair.label, pair.cases) == family]
        np.testing.assert_allclose([pair.p_holm for pair in members], closed_testing([pair.p for pair in members]))


@pytest.mark.parametrize(
    ("policy", "n", "wins", "losses"),
    [
        ("one", 4, 2, 1),  # normal_1: 1 against 0; normal_2: 0 against 1; normal_3: 1 against 1
        ("zero", 4, 1, 0),  # all three are 0 against 0
    ],
)
def test_policy_decides_what_normal_images_count(policy, n, wins, losses):
    lesion = dice_rows("a", [0.5]), dice_rows("b", [0.6])
    empty, alarm = (0, 0, 0, 9), (0, 2, 0, 7)
    normal = [
        row(run, f"normal_{number}", *counts)
        for number, (of_a, of_b) in enumerate([(alarm, empty), (empty, alarm), (empty, empty)], 1)
        for run, counts in (("a", of_a), ("b", of_b))
    ]
    assert [pair.cases for pair in compare_pairs(table(*lesion, normal), "nan")] == ["lesion"]  # or alarms were free
    with_lesion, everything = compare_pairs(table(*lesion, normal), policy)
    assert (with_lesion.cases, with_lesion.n, with_lesion.wins) == ("lesion", 1, 1)
    assert (everything.cases, everything.n, everything.wins, everything.losses) == ("all", n, wins, losses)


def test_plans_tell_runs_of_one_trainer_apart():
    rows = table(dice_rows("t", [0.1, 0.2]), [one | {"plans": "Q"} for one in dice_rows("t", [0.3, 0.4])])
    (pair,) = compare_pairs(rows)
    assert (pair.a, pair.b, pair.wins) == ("t (P)", "t (Q)", 2)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # the example of Wikipedia's "Holm-Bonferroni method"
        ([0.001, 0.01, 0.05, 0.1, 0.5, 0.9], [0.006, 0.05, 0.2, 0.3, 1, 1]),  # R 4.5.2: p.adjust(p, "holm")
        ([0.5], [0.5]),
        ([], []),
    ],
)
def test_holm_against_worked_examples(p, expected):
    np.testing.assert_allclose(holm(p), expected)


def closed_testing(p):
    """Correct p values by what Holm's method is a short cut of: the worst Bonferroni test of any set with it."""
    members = range(len(p))
    sets = [chosen for size in range(1, len(p) + 1) for chosen in combinations(members, size)]
    bonferroni = {chosen: min(1, len(chosen) * min(p[i] for i in chosen)) for chosen in sets}
    return [max(value for chosen, value in bonferroni.items() if i in chosen) for i in members]


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closed_testing_of_bonferroni(seed):
    p = (np.random.default_rng(seed).uniform(size=7) ** 3).round(2).tolist()  # with ties
    np.testing.assert_allclose(holm(p), closed_testing(p))


def test_holm_leaves_out_what_is_not_defined():
    np.testing.assert_allclose(holm([np.nan, 0.04, 0.01]), [np.nan, 0.04, 0.02])


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, 0.2, 0.3], 1),
        ([-0.1, -0.2], -1),
        ([0.1, 0.1, -0.1, 0.2], (2 + 2 + 4 - 2) / 10),  # ties share rank 2
        ([0.0, 0.0, -0.1, 0.2], 1 / 3),  # zeros have no rank
        ([0.0, 0.0], 0),
    ],
)
def test_rank_biserial_by_hand(differences, expected):
    assert rank_biserial(np.array(differences)) == pytest.approx(expected)


def test_bootstrap_agrees_with_the_normal_interval_of_a_large_sample():
    sample = np.random.default_rng(3).normal(0.02, 0.1, 5000)
    half = stats.norm.ppf(0.975) * sample.std(ddof=1) / np.sqrt(len(sample))
    low, high = bootstrap_interval(sample, seed=0)
    assert low == pytest.approx(sample.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(sample.mean() + half, abs=0.1 * half)


def test_bootstrap_follows_its_seed_and_nothing_else():
    sample = np.random.default_rng(3).normal(size=50)
    assert bootstrap_interval(sample, 1) == bootstrap_interval(sample, 1) != bootstrap_interval(sample, 2)
    generator = np.random.default_rng(0)
    a, b, c = (dice_rows(run, generator.uniform(size=20)) for run in "abc")
    alone, among = one_pair(b, c, seed=7), compare_pairs(table(a, b, c), seed=7)[2]
    assert (alone.ci_low, alone.ci_high) == (among.ci_low, among.ci_high)


def test_differences_that_are_all_equal_have_an_interval_of_no_width():
    assert bootstrap_interval(np.full(8, 0.25), seed=0) == (0.25, 0.25)
