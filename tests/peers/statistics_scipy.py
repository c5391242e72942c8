"""What SciPy and statsmodels say: the numbers that the tests of host/statistics expect.

pip install scipy==1.17.1 statsmodels==0.15.0
usage: python tests/peers/statistics_scipy.py > host/statistics/tests/fixtures.json
"""

import bisect
import itertools
import json
import math
import sys
import warnings

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

warnings.filterwarnings("ignore")
random = np.random.default_rng(7)


def paired(n, mean, deviation, confidence):
    values = random.normal(mean, deviation, n)
    result = stats.ttest_1samp(values, 0.0)
    low, high = result.confidence_interval(confidence)
    return {
        "values": values.tolist(),
        "confidence": confidence,
        "mean": values.mean(),
        "deviation": values.std(ddof=1),
        "low": low,
        "high": high,
        "p": result.pvalue,
    }


def holm(p):
    return {"p": list(p), "adjusted": multipletests(p, method="holm")[1].tolist()}


def seeds(effect, confidence, power):
    """The effect is in deviations. The power is searched, since the solver of statsmodels gives up on large effects."""
    of = lambda n: chance(effect, n, confidence)
    n = 2 + bisect.bisect_left(range(2, 10_001), power, key=of)
    solved = np.atleast_1d(TTestPower().solve_power(effect, None, 1 - confidence, power))[0]
    assert math.isnan(solved) or n == max(2, math.ceil(solved)) or min(n, solved) > 10_000
    n = n if n <= 10_000 else None
    return {"effect": effect, "confidence": confidence, "power": power, "n": n}


def chance(effect, n, confidence):
    """The power, also where that of statsmodels is no number."""
    power = tail(stats.t.ppf((1 + confidence) / 2, n - 1), n - 1, effect * math.sqrt(n))["p"]
    theirs = TTestPower().power(effect, n, 1 - confidence)
    assert math.isnan(theirs) or abs(power - theirs) < 1e-12
    return power


def detectable(n, confidence, power):
    found = lambda effect: chance(effect, n, confidence) - power
    high = next(high for high in (2.0**i for i in range(30)) if found(high) > 0)
    return {"n": n, "confidence": confidence, "power": power, "effect": optimize.brentq(found, 0, high, xtol=1e-14)}


def tail(t, freedom, shift):
    # SciPy has no number for some lower tails that are nearly 0
    p = stats.nct.sf(t, freedom, shift) + np.nan_to_num(stats.nct.cdf(-t, freedom, shift))
    return {"t": t, "freedom": freedom, "shift": shift, "p": p}


def documents(n, shift, confidence):
    """The t interval whose standard error is the jackknife's, from the ratios without each document in turn."""
    weights = np.ceil(random.lognormal(6, 1, n))
    a = weights * random.lognormal(0, 0.4, n)
    b = a * random.lognormal(shift, 0.2, n)
    mean = (b - a).sum() / weights.sum()
    without = ((b - a).sum() - (b - a)) / (weights.sum() - weights)
    error = math.sqrt((n - 1) / n * ((without - mean) ** 2).sum())
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * error
    return {
        "documents": np.stack([weights, a, b], 1).tolist(),
        "confidence": confidence,
        "mean": mean,
        "low": mean - half,
        "high": mean + half,
        "p": 2 * stats.t.sf(abs(mean / error), n - 1),
    }


def scores(n, confidence):
    values = random.lognormal(0, 1, n) - 1.4
    result = stats.ttest_1samp(values, 0.0)
    low, high = result.confidence_interval(confidence)
    return {
        "scores": values.tolist(),
        "confidence": confidence,
        "mean": values.mean(),
        "low": low,
        "high": high,
        "p": result.pvalue,
    }


def law(noise, outliers):
    """Runs of the law of Hoffmann et al. 2022 with noise, and what their approach 3 finds."""
    e, a, alpha, b, beta = 1.69, 406.4, 0.34, 410.7, 0.28
    sizes = [(n, d) for n in (2e7, 7e7, 2.5e8, 9e8, 3e9) for d in (4e8, 2e9, 8e9, 3e10, 1e11, 4e11)]
    n, d = np.array(sizes).T
    loss = (e + a / n**alpha + b / d**beta) * np.exp(noise * random.normal(size=len(n)))
    loss[:outliers] *= 1.1
    logs = np.log(n), np.log(d), np.log(loss)
    scale = 1e-3

    def objective(x):
        e, a, alpha, b, beta = x
        terms = np.stack([np.full_like(n, e), a - alpha * logs[0], b - beta * logs[1]])
        most = terms.max(0)
        parts = np.exp(terms - most)
        residual = (most + np.log(parts.sum(0)) - logs[2]) / scale
        slope = np.clip(residual, -1, 1)
        e, a, b = slope * parts / parts.sum(0) / scale
        gradient = [e.sum(), a.sum(), -(a * logs[0]).sum(), b.sum(), -(b * logs[1]).sum()]
        return (slope * (residual - slope / 2)).sum(), np.array(gradient)

    # a part of the grid of the paper
    grid = itertools.product((-1, 0, 1), (0, 10, 20), (0, 0.5, 1), (0, 10, 20), (0, 0.5, 1))
    options = {"maxiter": 2_000}
    found = [optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options) for start in grid]
    found = sorted(found, key=lambda one: one.fun)[:5]
    polish = {"maxiter": 5_000, "maxfev": 5_000, "xatol": 1e-12, "fatol": 1e-12}
    value = lambda x: objective(x)[0]
    found = [optimize.minimize(value, one.x, method="Nelder-Mead", options=polish) for one in found]
    best = min(found, key=lambda one: one.fun)
    e, a, alpha, b, beta = best.x
    return {
        "points": np.stack([n, d, loss], 1).tolist(),
        "objective": best.fun,
        "law": [np.exp(e), np.exp(a), alpha, np.exp(b), beta],
    }


fixtures = {
    "paired": [
        paired(n, mean, deviation, confidence)
        for n, mean, deviation, confidence in (
            (2, 0.5, 1, 0.95),
            (3, 0.02, 0.01, 0.95),
            (5, 0, 3, 0.9),
            (8, -0.3, 0.2, 0.99),
            (30, 0.1, 1, 0.999),
            (500, 0, 1, 0.95),
        )
    ],
    "holm": [
        holm([0.03]),
        holm([0.01, 0.04, 0.03, 0.005]),
        holm([0.5, 0.4, 0.9]),
        holm([0.001, 0.001, 0.2]),
        holm(random.uniform(0, 0.05, 12).tolist()),
    ],
    "seeds": [
        seeds(effect, confidence, power)
        for effect in (0.01, 0.03, 0.05, 0.1, 0.35, 0.5, 0.8, 1, 1.7, 3, 8, 40)
        for confidence, power in ((0.95, 0.8), (0.95, 0.95), (0.99, 0.8), (0.9, 0.5))
    ],
    "detectable": [
        detectable(n, confidence, power)
        for n in (2, 3, 5, 10, 100, 5_000)
        for confidence, power in ((0.95, 0.8), (0.99, 0.9), (0.9, 0.5))
    ],
    "tails": [
        tail(t, freedom, shift)
        for t, freedom in ((12.7, 1), (4.3, 2), (2.5, 3), (2.0, 40), (3.0, 300), (1.96, 9_999))
        for shift in (0.0, 0.5, 2.0, 6.0, 20.0)
    ],
    "documents": [documents(200, shift, confidence) for shift, confidence in ((-0.02, 0.95), (0.01, 0.9), (-0.1, 0.99))],
    "scores": [scores(n, confidence) for n, confidence in ((40, 0.95), (150, 0.9))],
    "laws": [law(0, 0), law(0.005, 0), law(0.003, 2)],
}
json.dump(fixtures, sys.stdout, separators=(",", ":"))
sys.stdout.write("\n")
