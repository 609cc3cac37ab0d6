"""From the name of an online provider to its adapter, and to what it can do."""

import time
from collections.abc import Callable, Mapping

import httpx2

from gateways.banks import mbbank_gateway, vietinbank_gateway
from gateways.banks.vietinbank import Expected
from gateways.credentials import Profile, credentials_for, credentials_of
from gateways.errors import Unsupported
from gateways.momo import requests as momo_requests
from gateways.momo.gateway import Momo
from gateways.online import Adapter, OnlineCapabilities
from gateways.payos import requests as payos_requests
from gateways.payos.gateway import PayOs
from gateways.vnpay import requests as vnpay_requests
from gateways.vnpay.gateway import VnPay
from gateways.zalopay import requests as zalopay_requests
from gateways.zalopay.gateway import ZaloPay

_SHEETS: Mapping[str, OnlineCapabilities] = {
    "momo": momo_requests.CAPABILITIES,
    "zalopay": zalopay_requests.CAPABILITIES,
    "vnpay": vnpay_requests.CAPABILITIES,
    "payos": payos_requests.CAPABILITIES,
    "mbbank": mbbank_gateway.CAPABILITIES,
    "vietinbank": vietinbank_gateway.CAPABILITIES,
}


def providers() -> tuple[str, ...]:
    """The names that `Profile.provider` may hold."""
    return tuple(_SHEETS)


def capabilities_of(provider: str) -> OnlineCapabilities:
    """What a provider can do, without a key or a connection."""
    if provider not in _SHEETS:
        raise Unsupported(f"{provider}: no such provider; known are {', '.join(_SHEETS)}")
    return _SHEETS[provider]


def open_provider(
    profile: Profile,
    transport: httpx2.BaseTransport | None = None,
    seconds_now: Callable[[], float] = time.time,
) -> Adapter:
    """The adapter of a profile, with what its facts leave open as we take it (`Choices` of each)."""
    match profile.provider:
        case "momo":
            return Momo(profile, transport=transport)
        case "zalopay":
            return ZaloPay(profile, transport=transport)
        case "vnpay":
            choices = vnpay_requests.Choices(payment_page=f"{profile.base_url}{vnpay_requests.PAGE_PATH}")
            return VnPay(profile, choices, transport)
        case "payos":
            return PayOs(profile, transport=transport)
        case "mbbank":
            keys = credentials_for(profile, mbbank_gateway.CAPABILITIES.hosts)
            debited = mbbank_gateway.Choices(keys["debit_account"], keys["debit_name"])
            return mbbank_gateway.MbBank(profile, debited, seconds_now, transport)
        case "vietinbank":
            keys = credentials_of(profile)
            return vietinbank_gateway.VietinBank(keys, Expected(provider_id=keys.get("provider_id")))
        case unknown:
            raise Unsupported(f"{unknown}: no such provider; known are {', '.join(_SHEETS)}")
