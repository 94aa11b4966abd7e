"""Providers that tell of bounces and complaints by webhook: one module each, and one line in ``registry``."""
