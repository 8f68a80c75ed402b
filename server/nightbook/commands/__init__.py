"""The commands of `nightbook`, one file a group. They speak to the server through the client only."""
