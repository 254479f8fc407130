"""Which way a metric is better, by the words in its name.

A team names its metrics as it likes, `test_auc` or `val.rmse`, so that words are looked
for. A name that says nothing, or two things, has no direction.

Source: the scorers and metrics of scikit-learn (User Guide, "Metrics and scoring"), where
`*_score` is better when higher, `*_error` and `*_loss` when lower, and `neg_*` turns
that round.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HIGHER = _words(
    "accuracy acc auc auroc auprc aucpr roc f1 fbeta f2 precision recall sensitivity specificity "
    "tpr tnr ppv npv r2 ap map mcc matthews kappa jaccard iou dice gini lift ndcg dcg mrr "
    "silhouette ari ami nmi homogeneity completeness purity likelihood profit revenue"
)
_LOWER = _words(
    "error err errors mae mse rmse msle rmsle mape smape wape mase mdae medae loss logloss nll "
    "brier deviance perplexity hinge hamming fpr fnr fdr ece eer pinball aic bic cost seconds "
    "latency"
)
_WEAKLY_HIGHER = _words("score scores")  # brier_score is a loss all the same
_NEGATED = _words("neg negative")
_AS_IT_STANDS = (  # of several words, before the words alone are looked at
    (re.compile(r"explained variance|average precision|d2 |true (positive|negative) rate"), 1),
    (re.compile(r"false (positive|negative) rate|cross ?entropy"), -1),
)


def direction_of(metric: str) -> int:
    """Return 1 for a metric that is better when higher, -1 when lower, 0 when nobody knows.

    >>> [direction_of(name) for name in ("test_auc", "rmse", "neg_log_loss", "n_rows")]
    [1, -1, 1, 0]
    """
    words = re.findall(r"[a-z]+[0-9]*", re.sub(r"([a-z])([A-Z])", r"\1 \2", metric).lower())
    text = f"{' '.join(words)} "
    for pattern, direction in _AS_IT_STANDS:
        if pattern.search(text):
            return direction
    found = set(words)
    up, down = bool(found & _HIGHER), bool(found & _LOWER)
    if up == down:
        return 1 if not up and found & _WEAKLY_HIGHER else 0
    return (1 if up else -1) * (-1 if found & _NEGATED else 1)


def verdict(metric: str, before: float, after: float) -> str | None:
    """Return "better" or "worse" for a metric that went from `before` to `after`.

    None when they are equal, or its direction is not known.
    """
    turn = direction_of(metric) * ((after > before) - (after < before))
    return {1: "better", -1: "worse"}.get(turn)
