"""Signers for the remote storages of clouds: SigV4, Azure AD, Google IAM."""
