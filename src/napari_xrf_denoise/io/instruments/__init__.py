"""Files of instruments: EDF, Ripple, and vendors' formats through RosettaSciIO."""
