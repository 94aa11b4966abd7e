"""The only reader of files, environment and secrets; every problem at once, with its place."""
