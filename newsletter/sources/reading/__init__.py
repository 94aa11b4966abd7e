"""Turns a document into entries. Runs in a disposable child process only: documents are hostile until proven dull."""
