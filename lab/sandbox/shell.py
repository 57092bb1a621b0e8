"""IPython as in Jupyter, without a kernel, a history or a window."""

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Shell(InteractiveShell):
    """Runs the cells of a notebook, in the grader and in a student's own check."""

    def enable_gui(self, gui=None):
        """Do nothing: there is no window to draw in."""

    system = InteractiveShell.system_raw  # the other way wants a terminal


def start_shell() -> Shell:
    """Start the only shell of this process.

    Returns
    -------
    Shell
    """
    config = Config(HistoryManager={"enabled": False})
    config.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=config)
