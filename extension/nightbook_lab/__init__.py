"""The jupyter-server half of the JupyterLab extension."""
