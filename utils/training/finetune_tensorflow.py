"""Fine-tune in TensorFlow: the graphics cards or processes of a tf.distribute strategy.

``utils.training.launch_tensorflow`` starts it; its twin is
``utils.training.finetune_pytorch``.
"""

import argparse
import os
import time

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

from utils.backbones.table import find
from utils.backbones.tensorflow import keras, load_backbone, split_last_stage
from utils.device import seed_everything, tensorflow_device
from utils.files import replacing
from utils.training import finetune
from utils.training.finetune import FORWARD_BATCH, WEIGHT_DECAY, Config


def fine_tune(options: argparse.Namespace) -> None:
    """Train a head for the breeds, then the last stage with it, and say what it gave.

    Parameters
    ----------
    options : argparse.Namespace
        From `utils.training.finetune.make_parser`.

    Raises
    ------
    ValueError, OSError
        As for `utils.training.finetune.require`.
    """
    strategy = _choose_strategy()
    size, resolver = strategy.num_replicas_in_sync, strategy.cluster_resolver
    rank = resolver.task_id if resolver else 0
    finetune.require(options, size)
    seed_everything(options.seed)

    def barrier():
        strategy.run(tf.function(_meet))

    with finetune.first_alone(rank, barrier):
        backbone = load_backbone(options.backbone, include_top=False)
        trunk, stage = split_last_stage(options.backbone, backbone)
        pets, maps = finetune.load_maps(trunk, progress=rank == 0)
    begin = time.perf_counter()
    width, classes = find(options.backbone).width, len(pets["train"].class_names)
    with strategy.scope():
        model = _with_head(stage, classes)
        body = keras.Sequential(model.layers[:-1])
        head = keras.Sequential([keras.Input((width,)), model.layers[-1]])
    head_config, config = finetune.configs(options)
    features = _logits(body, maps["train"])
    _train(strategy, head, features, pets["train"].labels, head_config)
    before = rank == 0 and _accuracy(model, maps["val"], pets["val"].labels)
    _train(strategy, model, maps["train"], pets["train"].labels, config)
    if rank == 0:
        after = _accuracy(model, maps["val"], pets["val"].labels)
        print(
            f"processes or cards: {size} · seconds: {time.perf_counter() - begin:.1f} "
            f"· val accuracy: {before:.4f} before, {after:.4f} after"
        )
        arrays = {str(n): array for n, array in enumerate(model.get_weights())}
        with replacing(options.out) as part:
            save_file(arrays, part)
    barrier()


def _choose_strategy() -> tf.distribute.Strategy:
    """Choose several processes, all graphics cards, or the one device that is meant."""
    device = tensorflow_device()
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    one = device.startswith("CPU") or ":" in os.environ.get("COURSE_DEVICE", "")
    cards = [card.name for card in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy([device] if one else cards)


def _with_head(stage: keras.Model, classes: int) -> keras.Sequential:
    """Put a copy of a last stage before a head that holds every class as likely."""
    copied = keras.models.clone_model(stage)
    copied.set_weights(stage.get_weights())
    return keras.Sequential(
        [
            keras.Input(stage.input_shape[1:]),
            copied,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, kernel_initializer="zeros"),
        ]
    )


def _train(strategy, model: keras.Model, inputs, labels, config: Config) -> None:
    """Fit a model, each card or process with its share of every batch."""
    with strategy.scope():
        decay = keras.optimizers.schedules.PolynomialDecay
        schedule = decay(config.step_size, config.steps(len(labels)), 0.0)
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
        optimizer.build(model.trainable_variables)
    step = tf.function(_step_of(model, optimizer, config), reduce_retracing=True)
    one_hot = np.eye(model.output_shape[-1], dtype=np.float32)[labels]
    resolver, size = strategy.cluster_resolver, strategy.num_replicas_in_sync
    progress = not (resolver and resolver.task_id)
    for rows, weights in finetune.draw_shares(len(labels), config, size, progress):
        batch = inputs[rows], one_hot[rows], weights
        strategy.run(step, tuple(map(tf.convert_to_tensor, batch)))


def _logits(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Run a model in batches, which need less memory."""
    starts = range(0, len(inputs), FORWARD_BATCH)
    parts = (inputs[start : start + FORWARD_BATCH] for start in starts)
    return np.concatenate([model(part, training=False).numpy() for part in parts])


def _accuracy(model: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(_logits(model, inputs).argmax(axis=1) == labels))


def _step_of(model, optimizer, config: Config):
    """Make the step that each share takes; Keras's ``fit`` knows no such weights."""
    loss = keras.losses.CategoricalCrossentropy
    loss_of = loss(True, label_smoothing=config.smoothing, reduction=None)
    variables = model.trainable_variables

    def step(inputs, targets, weights):
        context = tf.distribute.get_replica_context()
        own = context.replica_id_in_sync_group
        with tf.GradientTape() as tape:
            losses = loss_of(targets[own], model(inputs[own], training=False))
            total = tf.reduce_sum(losses * weights[own])
            total /= context.num_replicas_in_sync  # the optimizer sums gradients
        optimizer.apply(tape.gradient(total, variables), variables)

    return step


def _meet() -> tf.Tensor:
    """Add up ones, which takes all processes."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.ones(()))
