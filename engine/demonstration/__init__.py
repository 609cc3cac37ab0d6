"""The demonstration: invented people and fixed dates on which a whole month is run."""
