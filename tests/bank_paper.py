"""Writes the statements of an invented bank, camt.053.001.08, the balances following from the lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Line:
    """One line: a booking, or one detail of a batch. Amount in đồng, below zero for money out."""

    amount_vnd: int
    end_to_end_id: str = "NOTPROVIDED"
    text: str = ""
    reason: str = ""
    name: str = "NGUYEN THI HOA"
    bank_reference: str = ""
    account: str = "19031234567890"
    """Of the payee, or where money came in the number of ours that was paid."""


@dataclass(frozen=True)
class Batch:
    """One booking for many payments."""

    lines: tuple[Line, ...]
    payment_info_id: str = ""
    with_details: bool = True
    bank_reference: str = ""

    @property
    def amount_vnd(self) -> int:
        return sum(line.amount_vnd for line in self.lines)


@dataclass
class Paper:
    """One account at the bank: writes one statement after another."""

    account: str
    balance_vnd: int = 0
    sequence: int = 0
    written: list[Path] = field(default_factory=list)

    def statement(
        self, path: Path, on: date, lines: Sequence[Line | Batch], *, from_on: date | None = None, extra_vnd: int = 0
    ) -> Path:
        """The next statement, of one day or from a day on; `extra_vnd` makes the closing balance wrong."""
        self.sequence += 1
        opening = self.balance_vnd
        self.balance_vnd += sum(line.amount_vnd for line in lines)
        path.write_text(
            document(
                self.account,
                on,
                lines,
                sequence=self.sequence,
                opening_vnd=opening,
                closing_vnd=self.balance_vnd + extra_vnd,
                from_on=from_on or on,
            ),
            encoding="utf-8",
        )
        self.written.append(path)
        return path


def document(
    account: str,
    on: date,
    lines: Sequence[Line | Batch],
    *,
    sequence: int,
    opening_vnd: int,
    closing_vnd: int,
    from_on: date,
    currency: str = "VND",
) -> str:
    entries = "".join(_entry(line, on, currency) for line in lines)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
        "<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-02T18:00:00+07:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{on:%Y%m%d}-{sequence}</Id><ElctrncSeqNb>{sequence}</ElctrncSeqNb>"
        f"<FrToDt><FrDtTm>{from_on}T00:00:00+07:00</FrDtTm><ToDtTm>{on}T23:59:59+07:00</ToDtTm></FrToDt>"
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>"
        f"{_balance('OPBD', opening_vnd, from_on, currency)}{_balance('CLBD', closing_vnd, on, currency)}{entries}"
        "</Stmt></BkToCstmrStmt></Document>"
    )


def _entry(line: Line | Batch, on: date, currency: str) -> str:
    reference = f"<AcctSvcrRef>{line.bank_reference}</AcctSvcrRef>" if line.bank_reference else ""
    returned = isinstance(line, Line) and line.reason
    code = "RCDT" if line.amount_vnd > 0 and not returned else "ICDT"
    family = "RRTN" if returned else "DMCT"
    if isinstance(line, Batch):
        count = f"<NbOfTxs>{len(line.lines)}</NbOfTxs>"
        batch = f"<Btch><PmtInfId>{line.payment_info_id}</PmtInfId>{count}</Btch>" if line.payment_info_id else ""
        details = batch + "".join(_detail(part, currency) for part in line.lines if line.with_details)
    else:
        details = _detail(line, currency)
    return (
        f"<Ntry>{_amount(line.amount_vnd, currency)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{on}</Dt></BookgDt>"
        f"<ValDt><Dt>{on}</Dt></ValDt>{reference}<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{code}</Cd>"
        f"<SubFmlyCd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def _detail(line: Line, currency: str) -> str:
    text = f"<RmtInf><Ustrd>{escape(line.text)}</Ustrd></RmtInf>" if line.text else ""
    reason = f"<RtrInf><Rsn><Cd>{line.reason}</Cd></Rsn></RtrInf>" if line.reason else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{line.end_to_end_id}</EndToEndId></Refs>{_amount(line.amount_vnd, currency)}"
        f"<RltdPties><Cdtr><Pty><Nm>{line.name}</Nm></Pty></Cdtr><CdtrAcct><Id><Othr><Id>{line.account}</Id></Othr></Id>"
        f"</CdtrAcct></RltdPties>{text}{reason}</TxDtls>"
    )


def _balance(kind: str, amount_vnd: int, on: date, currency: str) -> str:
    amount = _amount(amount_vnd, currency)
    return f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{amount}<Dt><Dt>{on}</Dt></Dt></Bal>"


def _amount(amount_vnd: int, currency: str) -> str:
    sign = "DBIT" if amount_vnd < 0 else "CRDT"
    return f'<Amt Ccy="{currency}">{abs(amount_vnd)}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
