"""The search for places where a result lacks or adds counts."""
