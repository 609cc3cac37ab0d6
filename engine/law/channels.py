"""How benefits may be paid (hình thức chi trả)."""

from datetime import date
from enum import StrEnum

from engine.law.findings import Record, Step
from engine.law.parameters import Parameters


class Scheme(StrEnum):
    """What a benefit belongs to: compulsory or voluntary insurance, or the social pension of the State budget."""

    COMPULSORY = "compulsory"
    VOLUNTARY = "voluntary"
    SOCIAL_PENSION = "social_pension"


class Channel(StrEnum):
    """A way of paying: the payee's own bank account, the agency, its agent, the employer, a wallet, a card, cash."""

    BANK_ACCOUNT = "bank_account"
    AGENCY = "agency"
    AGENT = "agent"
    EMPLOYER = "employer"
    ELECTRONIC_ACCOUNT = "electronic_account"
    CARD = "card"
    CASH = "cash"


_CHANNEL = Step(
    "payment_channel",
    "hình thức chi trả phải là một trong các hình thức pháp luật cho phép đối với chế độ đó",
    "a benefit is paid by one of the channels that the law allows for its scheme",
)


def channel_allowed(scheme: Scheme, channel: Channel, on: date, law: Parameters, record: Record) -> bool:
    """Whether a benefit of a scheme may be paid by a channel in a run of that day.

    >>> law, on = Parameters.load(), date(2026, 11, 1)
    >>> channel_allowed(Scheme.COMPULSORY, Channel.ELECTRONIC_ACCOUNT, on, law, Record())
    False
    """
    rule = law.at("payment_channels", on)
    allowed = channel in rule.value[scheme]
    record.find(
        _CHANNEL,
        rule.citation,
        allowed,
        {"scheme": scheme, "channel": channel},
        f"{channel} ∈ {', '.join(rule.value[scheme])}",
        (rule.narrowed(scheme.value),),
    )
    return allowed
