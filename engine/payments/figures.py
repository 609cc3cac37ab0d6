"""Số liệu chi không dùng tiền mặt: what Decision 1939/QĐ-TTg asks to be reached, counted from the ledger.

A payment counts in the month in which the bank's statement shows its debit, as the ledger has it, and does not count if
it has come back by the time of asking. Nothing here is kept: ask again and it is counted again.
"""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Connection, text

from engine.law.calendar import Month
from engine.law.cashless import cashless_target
from engine.law.parameters import Parameters
from engine.payments.account_checks import LATEST

DEFINITIONS = {
    "share": {
        "vi": "trong số người (và số tiền) được chi trong tháng, phần chi vào tài khoản; một khoản được coi là đã chi"
        " khi sao kê ghi nợ, và không tính nếu tiền đã quay lại",
        "en": "of the persons (and of the money) paid in the month, those paid to an account; a payment is paid when a"
        " statement shows its debit, and not if it came back",
    },
    "first_attempt": {
        "vi": "trong số khoản gửi trong tháng, phần mà lệnh đầu tiên đã đến người hưởng và không quay lại",
        "en": "of the payments sent in the month, those whose first order reached the payee and stayed there",
    },
    "returns": {
        "vi": "các khoản quay lại trong tháng theo sao kê, theo lý do ngân hàng nêu",
        "en": "payments that came back in the month by the statement, by the reason that the bank gave",
    },
    "days_to_credit": {
        "vi": "số ngày theo lịch từ khi lập danh sách đến ngày ngân hàng ghi sổ khoản chi",
        "en": "calendar days from the planning of the list to the day on which the bank booked the payment",
    },
    "unverified": {
        "vi": "người được chi trong tháng vào tài khoản mà chưa ngân hàng nào xác nhận là của chính họ",
        "en": "persons paid in the month to an account that no bank has confirmed as their own",
    },
    "without_account": {
        "vi": "người có tháng đến hạn mà chưa được chi vì chưa biết tài khoản nhận tiền",
        "en": "payees of a month that is due and not paid, because no payout account of theirs is known",
    },
}


@dataclass(frozen=True, slots=True)
class Share:
    """One row: a part of those paid, as persons and as đồng."""

    dimension: str
    """all, area, province, office, benefit_group, sex, age_band"""
    value: str
    persons: int
    persons_cashless: int
    amount_vnd: int
    amount_cashless_vnd: int

    @property
    def percent_of_persons(self) -> Decimal | None:
        return percent_of(self.persons_cashless, self.persons)

    @property
    def percent_of_money(self) -> Decimal | None:
        return percent_of(self.amount_cashless_vnd, self.amount_vnd)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "percent_of_persons": shown(self.percent_of_persons),
            "percent_of_money": shown(self.percent_of_money),
        }


@dataclass(frozen=True, slots=True)
class Target:
    """What a decision asks for, and whether the month reaches it; `reached` is None if nobody was paid."""

    document: str
    dimension: str
    value: str
    percent: int
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Figures:
    month: date
    shares: tuple[Share, ...]
    targets: tuple[Target, ...]
    first_attempts: int
    first_attempts_succeeded: int
    returns: tuple[tuple[str, int, int], ...]
    """Reason, payments, đồng: of those that came back in the month."""
    days_to_credit: tuple[tuple[int, int], ...]
    """Days, payments."""
    unverified: int
    """Persons paid in the month to an account that no bank has confirmed as theirs."""
    without_account: int

    def as_json(self) -> dict[str, Any]:
        return {
            "month": f"{self.month:%Y-%m}",
            "definitions": DEFINITIONS,
            "shares": [share.as_json() for share in self.shares],
            "targets": [asdict(target) for target in self.targets],
            "first_attempt": {
                "payments": self.first_attempts,
                "succeeded": self.first_attempts_succeeded,
                "percent": shown(percent_of(self.first_attempts_succeeded, self.first_attempts)),
            },
            "returns": [{"reason": reason, "payments": n, "amount_vnd": vnd} for reason, n, vnd in self.returns],
            "days_to_credit": [{"days": days, "payments": n} for days, n in self.days_to_credit],
            "unverified": self.unverified,
            "without_account": self.without_account,
        }


def count_month(connection: Connection, month: date, law: Parameters) -> Figures:
    """The figures of a month; `month` is its first day."""
    during = {"first": month, "last": Month.containing(month).last_day}
    shares = tuple(Share(**row._asdict()) for row in connection.execute(_SHARES, during))
    attempts = connection.execute(_FIRST_ATTEMPTS, during).one()
    return Figures(
        month=month,
        shares=shares,
        targets=_targets(shares, month, law),
        first_attempts=attempts.payments,
        first_attempts_succeeded=attempts.succeeded,
        returns=tuple((row.reason, row.payments, row.amount_vnd) for row in connection.execute(_RETURNS, during)),
        days_to_credit=tuple((row.days, row.payments) for row in connection.execute(_DAYS, during)),
        unverified=connection.execute(_UNVERIFIED, during).scalar_one(),
        without_account=connection.execute(_WITHOUT_ACCOUNT, during).scalar_one(),
    )


def _targets(shares: tuple[Share, ...], month: date, law: Parameters) -> tuple[Target, ...]:
    target = cashless_target(month, law)
    share = next((each for each in shares if (each.dimension, each.value) == ("area", target.area)), None)
    percent = target.percent_of_persons
    reached = None if share is None else share.persons_cashless * 100 >= share.persons * percent
    return (Target(target.citation.vietnamese, "area", target.area, percent, reached),)


def percent_of(part: int, whole: int) -> Decimal | None:
    if whole == 0:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)


def shown(percent: Decimal | None) -> str | None:
    return None if percent is None else str(percent)


# What the ledger has as paid in the month, less what it has as come back since. Cash goes through the post office only.
_PAID = """
    SELECT p.payment_id, p.payout_account_id, p.person_id, p.amount_vnd, n.area, n.province, n.sex,
        coalesce(c.office_code, 'unknown') AS office,
        e.business_on, r.planned_at,
        CASE WHEN p.benefit IN ('pension', 'survivor_allowance') THEN 'monthly' ELSE 'once' END AS benefit_group,
        CASE WHEN age < 60 THEN 'under 60' WHEN age < 70 THEN '60-69' WHEN age < 80 THEN '70-79' ELSE '80 and more' END
            AS age_band,
        g.adapter <> 'post_office' AS cashless
    FROM ledger.entry e
    JOIN ledger.line l USING (entry_id)
    JOIN engine.payment p ON p.reference = l.debit_reference
    JOIN engine.payment_run r USING (run_id)
    JOIN engine.gateway g ON g.gateway = p.gateway
    JOIN engine.person n ON n.person_id = p.person_id
    LEFT JOIN engine.award w ON w.award_id = p.award_id
    LEFT JOIN engine.claim c ON c.claim_id = w.claim_id
    CROSS JOIN LATERAL (SELECT extract(year FROM age(e.business_on, n.birth_date)) AS age) a
    WHERE e.event = 'payment_settled' AND e.business_on BETWEEN :first AND :last AND p.state = 'settled'
"""

_SHARES = text(f"""
    WITH paid AS ({_PAID})
    SELECT CASE WHEN grouping(area) = 0 THEN 'area' WHEN grouping(province) = 0 THEN 'province'
            WHEN grouping(office) = 0 THEN 'office'
            WHEN grouping(benefit_group) = 0 THEN 'benefit_group' WHEN grouping(sex) = 0 THEN 'sex'
            WHEN grouping(age_band) = 0 THEN 'age_band' ELSE 'all' END AS dimension,
        coalesce(area, province, office, benefit_group, sex, age_band, 'all') AS value,
        count(DISTINCT person_id) AS persons, count(DISTINCT person_id) FILTER (WHERE cashless) AS persons_cashless,
        coalesce(sum(amount_vnd), 0)::bigint AS amount_vnd,
        coalesce(sum(amount_vnd) FILTER (WHERE cashless), 0)::bigint AS amount_cashless_vnd
    FROM paid
    GROUP BY GROUPING SETS ((), (area), (benefit_group), (sex), (age_band), (province), (office))
    ORDER BY grouping(office, province, age_band, sex, benefit_group, area) DESC, 2
""")

_FIRST_ATTEMPTS = text("""
    SELECT count(*) AS payments, count(*) FILTER (WHERE t.state = 'success' AND p.state = 'settled') AS succeeded
    FROM engine.attempt t
    JOIN engine.batch b USING (batch_id)
    JOIN engine.payment p USING (payment_id)
    WHERE t.number = 1 AND b.sent_at IS NOT NULL AND b.execution_on BETWEEN :first AND :last
""")

_RETURNS = text("""
    SELECT coalesce(p.state_reason, 'unknown') AS reason, count(*) AS payments, sum(l.amount_vnd)::bigint AS amount_vnd
    FROM ledger.entry e
    JOIN ledger.line l USING (entry_id)
    JOIN engine.payment p ON p.reference = l.debit_reference
    WHERE e.event = 'payment_returned' AND e.business_on BETWEEN :first AND :last
    GROUP BY 1 ORDER BY 2 DESC, 1
""")

_DAYS = text(f"""
    SELECT business_on - (planned_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS days, count(*) AS payments
    FROM ({_PAID}) paid GROUP BY 1 ORDER BY 1
""")

_UNVERIFIED = text(f"""
    SELECT count(DISTINCT paid.person_id) FROM ({_PAID}) paid
    WHERE cashless AND coalesce({LATEST.format(account="paid.payout_account_id")}, 'not_possible') <> 'match'
""")

_WITHOUT_ACCOUNT = text("""
    SELECT count(DISTINCT a.person_id) FROM engine.award a
    JOIN engine.award_amount w ON w.award_id = a.award_id AND w.entitled_during @> CAST(:first AS date)
        AND upper_inf(w.recorded_during)
    WHERE NOT EXISTS (SELECT FROM engine.payout_account o WHERE o.person_id = a.person_id
            AND o.valid_during @> CAST(:last AS date) AND upper_inf(o.recorded_during))
        AND NOT EXISTS (SELECT FROM engine.payment p WHERE p.award_id = a.award_id
            AND p.entitled_month = :first AND p.state <> 'cancelled')
        AND NOT EXISTS (SELECT FROM engine.vital_event v WHERE v.person_id = a.person_id AND v.kind = 'death'
            AND v.happened_on < :first AND upper_inf(v.recorded_during))
""")
