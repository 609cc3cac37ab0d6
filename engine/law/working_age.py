"""The age from which one may work (độ tuổi lao động tối thiểu): no younger person is taken for an employee.

Of those under 15 the Labour Code lets few work, each with the written consent of a parent and of the authorities; their
declarations are decided by people, not by a file.
"""

from datetime import date

from engine.law.parameters import DatedValue, Parameters


def least_age(on: date, law: Parameters) -> DatedValue:
    """The age in full years, with its ground.

    >>> least_age(date(2026, 10, 31), Parameters.load()).value
    15
    """
    return law.at("least_working_age", on)


def years_old(birth_date: date, on: date) -> int:
    """Full years; who was born on 29 February is a year older on 1 March.

    >>> years_old(date(2011, 10, 31), date(2026, 10, 30)), years_old(date(2011, 10, 31), date(2026, 10, 31))
    (14, 15)
    """
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))
