"""The admin's pages: how things stand and how they went, for whoever shows a password; and what the CLI does, too."""
