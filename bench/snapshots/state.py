"""The sessions that are saved: about 10 MB, 100 MB and 1.2 GB of variables, the same for Meshbook and its peers."""
import numpy as np
import pandas as pd


def make(size):
    rng = np.random.default_rng(7)
    if size == "10 MB":
        return {"arr": rng.random(1_000_000), "df": frame(rng, 20_000)}
    if size == "100 MB":
        return {"arr": rng.random(11_000_000), "df": frame(rng, 50_000)}
    return {"arr": rng.random(13_107_200), "df": frame(rng, 6_000_000)}


def frame(rng, rows):
    df = pd.DataFrame({"f%d" % i: rng.random(rows) for i in range(13)})
    df["name"] = ["row %d" % i for i in range(rows)]
    return df
