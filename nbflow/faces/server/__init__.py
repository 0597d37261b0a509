"""nbflow inside Jupyter's server."""
