"""What scikit-learn and VADER reach on the splits of benches/accuracy/emotion.py.

  peer.py zh NEGATIVE.txt.gz POSITIVE.txt.gz   character 1- to 3-grams with logistic regression
  peer.py en SNIPPETS.tsv.gz                    word 1- to 2-grams, these with VADER's four scores, VADER alone
"""
import statistics
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "accuracy"))
import emotion  # noqa: E402


def judge(name, found, train, test, fit, features):
    labels = [row[0] for row in test]
    for balance in (None, "balanced") if fit else (None,):
        if fit:
            model = LogisticRegression(C=2.0, max_iter=1000, class_weight=balance)
            model.fit(features[: len(train)], [row[0] for row in train])
            said = model.predict(features[len(train):])
        else:
            said = features
        key = name + (", classes balanced" if balance else "")
        found.setdefault(key, []).append((np.mean(said == labels), f1_score(labels, said, average="macro")))


def one(language, rows, seed, found):
    train, test = emotion.split(rows, seed)
    texts = [row[1] for row in train + test]
    grams = {"analyzer": "char", "ngram_range": (1, 3)} if language == "zh" else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(min_df=2, sublinear_tf=True, **grams).fit(texts[: len(train)]).transform(texts)
    judge("n-grams", found, train, test, True, vectors)
    if language == "zh":
        return
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    scores = [vader.polarity_scores(text) for text in texts]
    columns = csr_matrix([[score[key] for key in ("compound", "pos", "neg", "neu")] for score in scores])
    judge("n-grams and VADER", found, train, test, True, csr_matrix(hstack([vectors, columns])))
    compound = np.array([score["compound"] for score in scores[len(train):]])
    # VADER's own bounds.
    judge("VADER alone", found, train, test, False, np.where(compound < -0.05, 0, np.where(compound < 0.05, 1, 2)))


def main():
    language, files = sys.argv[1], sys.argv[2:]
    rows = (emotion.chinese if language == "zh" else emotion.english)(files)
    found = {}
    for seed in range(1, 6):
        one(language, rows, seed, found)
    for name, figures in found.items():
        accuracy, f1 = zip(*figures)
        print(f"{name}: accuracy {statistics.mean(accuracy):.4f} (sd {statistics.stdev(accuracy):.4f}), "
              f"macro-F1 {statistics.mean(f1):.4f} (sd {statistics.stdev(f1):.4f})")


if __name__ == "__main__":
    main()
