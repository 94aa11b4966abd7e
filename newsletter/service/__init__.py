"""One use case a module: collect, issue, deliver; ports in, counts out."""
