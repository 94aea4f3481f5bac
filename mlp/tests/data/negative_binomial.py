"""The negative binomial likelihood and its slopes in 400 digits by mpmath, for tests/it/extremes.rs.

    python negative_binomial.py > negative_binomial.json

Rows of target, logarithm of the mean, logarithm of the size, loss, and the slopes by both logarithms.
"""

import json

from mpmath import digamma, exp, log, loggamma, mp, mpf

mp.dps = 400

rows = []
for t in [0, 1, 3.5, 40, 1e5]:
    for y in [-30.0, -3.0, 0.25, 4.0, 12.0]:
        for z in [-600.0, -40.0, -2.0, 0.5, 3.4, 3.5, 8.0, 20.0, 40.0, 300.0, 705.0]:
            n, mean, r = mpf(t), exp(mpf(y)), exp(mpf(z))
            loss = n * log(1 + r / mean) + r * log(1 + mean / r)
            loss += loggamma(r) - loggamma(n + r) + loggamma(n + 1)
            dy = r * (mean - n) / (r + mean)
            # By hand from the loss: d/dr, times r.
            dz = r * (log(1 + mean / r) + (n - mean) / (r + mean) + digamma(r) - digamma(n + r))
            rows.append([t, y, z, float(loss), float(dy), float(dz)])
print(json.dumps(rows).replace("], [", "],\n ["))
