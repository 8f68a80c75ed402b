"""The worker: claims runs over HTTP and executes them with papermill in a child process."""
