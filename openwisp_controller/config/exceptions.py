"""What can go wrong outside of this project."""


class ZeroTierIdentityGenerationError(Exception):
    """Unable to generate zerotier identity secret."""
