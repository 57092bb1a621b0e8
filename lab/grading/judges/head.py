"""Question 3: a head on frozen features."""

import numpy as np

from lab.grading.judges.judging import Call, answers_of, arrays_of, question
from lab.questions.finding import Missed

BEHIND = 0.06  # of accuracy, what a head may lose to a logistic regression


def _head_calls(generator) -> list[Call]:
    """Ask for two heads, and for answers of given ones, with logits up to 1000."""
    calls = [_fit_call(generator, 4, 16, 600), _fit_call(generator, 9, 32, 1500)]
    for scale in (1, 1000):
        features = generator.normal(size=(20, 5))
        weights, bias = generator.normal(size=(5, 6)), generator.normal(size=6)
        given = features, weights * scale, bias * scale
        calls += [Call("probabilities", given), Call("predict", given)]
    return calls


def _fit_call(generator, classes: int, width: int, count: int) -> Call:
    """Draw a cloud of points for each class, and what they have in common, as light."""
    centres = generator.normal(0, 2.4 / np.sqrt(width), (classes, width))
    labels = generator.permutation(np.arange(2 * count) % classes)
    features = centres[labels] + generator.normal(0, 0.7, (2 * count, width))
    light = generator.normal(0, 1.2, (2 * count, 1))
    features += light * generator.normal(0, 1, width)
    features = (features / features.std()).astype(np.float32)
    seen = features[:count], labels[:count], classes
    return Call("fit", seen, (features[count:], labels[count:]))


def _prove_learns(calls, answers) -> None:
    for call, answer in answers_of("fit", calls, answers):
        features, _, classes = call.arguments
        shapes = (features.shape[1], classes), (classes,)
        weights, bias = arrays_of(call, answer, "biuf", *shapes)
        held_out, labels = call.secret
        accuracy = np.mean((held_out @ weights + bias).argmax(axis=1) == labels)
        if accuracy < _reference(call) - BEHIND:
            raise Missed(
                "on pictures that it has not seen, the head is right less often than a "
                "logistic regression. Print the loss: does it fall (sign of the "
                "gradient), and has it come to rest (more steps)?"
            )


def _reference(call: Call) -> float:
    """Return the accuracy of scikit-learn's multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression

    features, labels, _ = call.arguments
    return LogisticRegression(max_iter=500).fit(features, labels).score(*call.secret)


def _softmax(features, weights, bias) -> np.ndarray:
    logits = features @ weights + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _prove_softmax(calls, answers) -> None:
    for call, answer in answers_of("probabilities", calls, answers):
        wanted = _softmax(*call.arguments)
        (found,) = arrays_of(call, answer, "biuf", wanted.shape)
        if not np.allclose(found.sum(axis=1), 1, atol=1e-3):
            raise Missed("the rows do not sum to 1: divide by the sum over axis=1.")
        if not np.allclose(found, wanted, atol=1e-3):
            raise Missed(
                "this is not the softmax of features @ weights + bias. Subtract the "
                "largest logit of each row before np.exp."
            )


def _prove_predicts(calls, answers) -> None:
    for call, answer in answers_of("predict", calls, answers):
        wanted = _softmax(*call.arguments).argmax(axis=1)
        (found,) = arrays_of(call, answer, "iu", wanted.shape)
        if not np.array_equal(found, wanted):
            raise Missed("a prediction is the class with the largest logit of its row.")


QUESTION = question(
    "head",
    "Train a head",
    "fit probabilities predict",
    _head_calls,
    ("fit learns as well as a logistic regression", 2, _prove_learns),
    ("probabilities are a softmax, for large logits too", 1, _prove_softmax),
    ("predict names the likeliest class", 1, _prove_predicts),
)
