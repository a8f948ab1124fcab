"""Reference meta-features by scikit-learn, SciPy and NumPy: writes reference.json and the CSV files beside it.

    python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 pandas pyarrow
    venv/bin/python make.py [FOLDER OF pmlb-small]

Definitions: auto-sklearn's, as its published archives have them (README of heirloom-meta-features). Landmarkers depend on folds:
their mean and standard deviation over REPEATS seeded 10-fold cross-validations are recorded.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
REPEATS = 30


def mixed():
    """Numbers and categories with missing values, a constant, a column of nothing, three unequal classes."""
    rng = np.random.default_rng(20)
    n = 180
    y = rng.choice(["one", "three", "two"], n, p=[0.55, 0.15, 0.3])
    shift = pd.Series(y).map({"one": 0.0, "two": 1.5, "three": -2.0}).to_numpy()
    length = (rng.normal(size=n) + shift).round(4)
    width = rng.exponential(size=n).round(4)
    length[rng.random(n) < 0.1] = np.nan
    width[rng.random(n) < 0.05] = np.nan
    color = pd.Series(np.where(rng.random(n) < 0.6, y, rng.choice(["one", "two", "four"], n)))
    color = color.map({"one": "red", "two": "green", "three": "blue", "four": "grey"})
    color[rng.random(n) < 0.08] = np.nan
    return pd.DataFrame({
        "length": length, "width": width, "color": color, "shape": rng.choice(["disc", "rod"], n, p=[0.9, 0.1]),
        "constant": 3.7, "nothing": np.nan, "target": y,
    })


def encode(x):
    columns = []
    for name in x:
        if x[name].dtype.kind in "OUT" or isinstance(x[name].dtype, pd.StringDtype):
            columns.append(pd.get_dummies(x[name].astype(object), dummy_na=bool(x[name].isna().any())).to_numpy(float))
        elif x[name].notna().any():
            columns.append(SimpleImputer(strategy="mean").fit_transform(x[[name]]))
    return StandardScaler().fit_transform(np.hstack(columns))


def spread(prefix, values):
    return {f"{prefix}Min": np.min(values), f"{prefix}Max": np.max(values), f"{prefix}Mean": np.mean(values), f"{prefix}STD": np.std(values)}


def describe(data):
    y = data["target"].to_numpy()
    x = data.drop(columns="target")
    n, d = x.shape
    categorical = [name for name in x if x[name].dtype.kind in "OUT" or isinstance(x[name].dtype, pd.StringDtype)]
    numeric = d - len(categorical)
    shares = np.unique(y, return_counts=True)[1] / n
    missing = x.isna().to_numpy()
    out = {
        "NumberOfInstances": n, "LogNumberOfInstances": np.log(n), "NumberOfFeatures": d, "LogNumberOfFeatures": np.log(d),
        "DatasetRatio": d / n, "LogDatasetRatio": np.log(d / n), "InverseDatasetRatio": n / d, "LogInverseDatasetRatio": np.log(n / d),
        "NumberOfNumericFeatures": numeric, "NumberOfCategoricalFeatures": len(categorical),
        "RatioNumericalToNominal": numeric / len(categorical) if categorical else 0.0,
        "RatioNominalToNumerical": len(categorical) / numeric if numeric else 0.0,
        "NumberOfClasses": len(shares), "ClassEntropy": stats.entropy(shares, base=2), **spread("ClassProbability", shares),
        "NumberOfMissingValues": missing.sum(), "PercentageOfMissingValues": missing.mean(),
        "NumberOfInstancesWithMissingValues": missing.any(1).sum(), "PercentageOfInstancesWithMissingValues": missing.any(1).mean(),
        "NumberOfFeaturesWithMissingValues": missing.any(0).sum(), "PercentageOfFeaturesWithMissingValues": missing.any(0).mean(),
    }
    symbols = [x[name].nunique() for name in categorical]
    out |= spread("Symbols", symbols) if symbols else dict.fromkeys(["SymbolsMin", "SymbolsMax", "SymbolsMean", "SymbolsSTD"], 0.0)
    out["SymbolsSum"] = sum(symbols)

    encoded = encode(x)
    constant = encoded.var(0) < 1e-20
    skewness = np.where(constant, 0.0, stats.skew(encoded))
    kurtosis = np.where(constant, -3.0, stats.kurtosis(encoded))
    out |= spread("Skewness", skewness) | spread("Kurtosis", kurtosis)

    pca = PCA(svd_solver="full").fit(encoded)
    cumulative = np.cumsum(pca.explained_variance_ratio_)
    first = pca.transform(encoded)[:, 0]
    first = first * np.sign(first[np.argmax(np.abs(first))])
    out["PCAFractionOfComponentsFor95PercentVariance"] = (np.sum(cumulative < 0.95) + 1) / encoded.shape[1]
    out["PCASkewnessFirstPC"] = stats.skew(first)
    out["PCAKurtosisFirstPC"] = stats.kurtosis(first)

    learners = {
        "LandmarkLDA": lambda seed: LinearDiscriminantAnalysis(),
        "LandmarkNaiveBayes": lambda seed: GaussianNB(),
        "LandmarkDecisionTree": lambda seed: DecisionTreeClassifier(random_state=seed),
        "LandmarkDecisionNodeLearner": lambda seed: DecisionTreeClassifier(criterion="entropy", max_depth=1, random_state=seed),
        "Landmark1NN": lambda seed: KNeighborsClassifier(1),
    }
    landmarks = {}
    order = np.random.default_rng(0).permutation(n)
    for name, learner in learners.items():
        folds = lambda seed: StratifiedKFold(10, shuffle=True, random_state=seed)
        runs = [cross_val_score(learner(s), encoded[order], y[order], cv=folds(s)).mean() for s in range(REPEATS)]
        landmarks[name] = [np.mean(runs), np.std(runs)]
    # One feature for all folds, as the learner is seeded anew at every fit.
    node = lambda seed: DecisionTreeClassifier(criterion="entropy", max_depth=1, max_features=1, random_state=seed)
    random = [cross_val_score(node(s), encoded, y, cv=StratifiedKFold(10, shuffle=True, random_state=s)).mean() for s in range(4 * REPEATS)]
    landmarks["LandmarkRandomNodeLearner"] = [np.mean(random), np.std(random)]
    return {"values": out, "landmarks": landmarks}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{float(value):.12g}")


def main():
    sets = {"mixed": mixed()}
    for name, load in [("iris", load_iris), ("wine", load_wine)]:
        bunch = load(as_frame=True)
        sets[name] = bunch.frame.assign(target=bunch.target_names[bunch.target])
    for name, data in sets.items():
        data.to_csv(HERE / f"{name}.csv", index=False)
    for name in ["breast_cancer_wisconsin", "page_blocks", "penguins", "vehicle"] if len(sys.argv) > 1 else []:
        table = pd.read_parquet(Path(sys.argv[1]) / f"{name}.parquet").astype(float)
        sets[name] = table.assign(target=table["target"].astype(int))
    reference = {name: rounded(describe(data)) for name, data in sets.items()}
    (HERE / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


main()
