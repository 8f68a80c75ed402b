"""`nightbook up`: broker, server, worker and JupyterLab on one machine, started, watched, ended together."""
