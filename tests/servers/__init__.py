"""Servers that speak the providers' protocols, for the real SDKs to talk to."""
