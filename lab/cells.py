"""What nbgrader writes into the metadata of a cell."""


def grade_id(cell: dict) -> str:
    """Read the name that nbgrader gave a cell.

    Parameters
    ----------
    cell : dict
        A cell of a notebook, as nbformat or json reads it.

    Returns
    -------
    str
        Empty for a cell without a name.
    """
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")
