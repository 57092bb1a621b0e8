"""What holds for all tests: PyTorch is loaded before TensorFlow.

On Linux PyTorch brings Triton, which crashes the process when it comes second.
"""

import torchvision  # noqa: F401 - this loads Triton too
