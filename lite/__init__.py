"""The notebooks as a site that needs no Python: the browser is the kernel."""
