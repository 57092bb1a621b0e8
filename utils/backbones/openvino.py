"""OpenVINO, which runs a frozen network on a processor."""

import sys


def load_openvino():
    """Import OpenVINO without its telemetry, which tells Intel of conversions unasked.

    Returns
    -------
    module
        The package.
    """
    # With this, importing it fails, and OpenVINO goes on without.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
