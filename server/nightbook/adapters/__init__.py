"""The doors to other systems: database, artifact store, broker."""
