"""The benches of the providers that are asked one payment at a time, or tell of one, by the provider's name."""

from collections.abc import Mapping

from gateways.conformance.bench import Bench
from gateways.conformance.pages import VnPayBench
from gateways.conformance.single_banks import MbBankBench, VietinBankBench
from gateways.conformance.wallets import MomoBench, PayOsBench, ZaloPayBench

BENCHES: Mapping[str, type[Bench]] = {
    "momo": MomoBench,
    "zalopay": ZaloPayBench,
    "vnpay": VnPayBench,
    "payos": PayOsBench,
    "mbbank": MbBankBench,
    "vietinbank": VietinBankBench,
}
