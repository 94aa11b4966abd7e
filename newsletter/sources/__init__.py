"""Where papers come from: fetching politely, parsing safely, one module a kind."""
