"""The rules that case files may name; importing this package enters all of them."""

from engine.law.case_rules import averages, collection, contributions, death, lump_sums, pensions, short_term
from engine.law.case_rules.forms import FORMS, Form, Given, KeysMissing

__all__ = [
    "FORMS",
    "Form",
    "Given",
    "KeysMissing",
    "averages",
    "collection",
    "contributions",
    "death",
    "lump_sums",
    "pensions",
    "short_term",
]
