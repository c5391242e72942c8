"""What SciPy and statsmodels say of the runs that the tests of host/experiments compare.

pip install scipy==1.17.1 statsmodels==0.15.0
usage: python tests/peers/compare_scipy.py
"""

import math
import warnings

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

# no number of seeds is small enough for a large effect
warnings.filterwarnings("ignore")
base = np.array([2.612, 2.610, 2.615])
variants = {"focal": np.array([2.633, 2.630, 2.638]), "smooth": np.array([2.610, 2.613, 2.616])}
results = {name: stats.ttest_1samp(values - base, 0.0) for name, values in variants.items()}
adjusted = multipletests([result.pvalue for result in results.values()], method="holm")[1]
for (name, result), p_holm in zip(results.items(), adjusted):
    difference = variants[name] - base
    deviation = difference.std(ddof=1)
    seeds = TTestPower().solve_power(abs(difference.mean()) / deviation, None, 0.05 / 2, 0.8)
    print(name, difference.mean(), deviation, *result.confidence_interval(0.95), result.pvalue, p_holm, seeds)

# bytes of documents, and their bits in two runs
weights, a, b = np.array([[100, 260, 270], [250, 600, 605], [400, 1100, 1130], [50, 130, 131]], float).T
n = len(weights)
mean = (b - a).sum() / weights.sum()
without = ((b - a).sum() - (b - a)) / (weights.sum() - weights)
error = math.sqrt((n - 1) / n * ((without - mean) ** 2).sum())
half = stats.t.ppf(0.975, n - 1) * error
print("documents", mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean / error), n - 1))
