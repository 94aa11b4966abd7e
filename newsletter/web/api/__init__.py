"""The API under ``/api/v1``: the same services as the command line, for programs that hold a token.

FastAPI is imported with the first request to an API that has tokens: whoever has none does not pay for it.
"""
