"""The dock *Compare*."""
