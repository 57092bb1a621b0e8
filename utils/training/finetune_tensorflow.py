"""Fine-tune in TensorFlow: the graphics cards or processes of a tf.distribute strategy.

``utils.training.launch_tensorflow`` starts it; its twin is the ProcessGroup of
``utils.training.finetune_pytorch``.
"""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

from utils.backbones.tensorflow import keras, load_backbone, split_last_stage
from utils.device import tensorflow_device
from utils.training import finetune
from utils.training.finetune import WEIGHT_DECAY, Config


class ProcessGroup(finetune.ProcessGroup):
    """The graphics cards of this process, or the processes that TF_CONFIG names."""

    def __init__(self):
        self._strategy = _choose_strategy(tensorflow_device())
        self.size = self._strategy.num_replicas_in_sync
        if resolver := self._strategy.cluster_resolver:
            self.rank = resolver.task_id

    def barrier(self) -> None:
        """Wait for the other processes."""
        self._strategy.run(tf.function(_meet))

    def new_head(self, width: int, classes: int) -> keras.Model:
        """Make a linear layer that holds every class as likely."""
        with self._strategy.scope():
            layer = keras.layers.Dense(classes, kernel_initializer="zeros")
            return keras.Sequential([keras.Input((width,)), layer])

    def split(self, name: str) -> tuple[keras.Model, keras.Model]:
        """Load a backbone and split it before its last stage."""
        return split_last_stage(name, load_backbone(name, include_top=False))

    def with_last_stage(
        self, stage: keras.Model, head: keras.Model | None = None
    ) -> keras.Model:
        """Put a copy of the last stage, free to learn, before a copy of the head."""
        with self._strategy.scope():
            layers = [_copy(stage), keras.layers.GlobalAveragePooling2D()]
            if head:
                layers.append(_copy(head))
            return keras.Sequential([keras.Input(stage.input_shape[1:]), *layers])

    def train(
        self, model: keras.Model, inputs: np.ndarray, labels: np.ndarray, config: Config
    ) -> None:
        """Fit a model, as the base class says."""
        with self._strategy.scope():
            steps = config.steps(len(labels))
            decay = keras.optimizers.schedules.PolynomialDecay
            schedule = decay(config.step_size, steps, 0.0)
            optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
            optimizer.build(model.trainable_variables)
        step = tf.function(_step_of(model, optimizer, config), reduce_retracing=True)
        one_hot = np.eye(model.output_shape[-1], dtype=np.float32)
        for rows, weights in self.draw(len(labels), config):
            batch = inputs[rows], one_hot[labels[rows]], weights
            self._strategy.run(step, tuple(map(tf.convert_to_tensor, batch)))

    def logits(self, model: keras.Model, inputs: np.ndarray) -> np.ndarray:
        """Score the classes."""
        return model(inputs, training=False).numpy()

    def save(self, model: keras.Model, path: Path) -> None:
        """Write the weights, and nothing else, to a file."""
        arrays = enumerate(model.get_weights())
        save_file({str(number): array for number, array in arrays}, path)


def _copy(model: keras.Model) -> keras.Model:
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied


def _choose_strategy(device: str) -> tf.distribute.Strategy:
    """Choose several processes, all graphics cards, or the one device that is meant."""
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    one = device.startswith("CPU") or ":" in os.environ.get("COURSE_DEVICE", "")
    cards = [card.name for card in tf.config.list_logical_devices("GPU")]
    return tf.distribute.MirroredStrategy([device] if one else cards)


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
