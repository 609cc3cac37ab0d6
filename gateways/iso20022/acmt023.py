"""Writes acmt.023, the question whether accounts are the persons' we think (version 001.001.04)."""

from collections.abc import Sequence
from datetime import datetime
from typing import BinaryIO
from xml.sax.saxutils import escape

from gateways.contract import AccountQuestion
from gateways.errors import BadBatch
from gateways.iso20022.pain001 import Agent, account_problems, agent_problems, text_problems
from gateways.iso20022.schemas import NAMESPACE_PREFIX

VERSION = "acmt.023.001.04"

_ID_LENGTH = 35
_NAME_LENGTH = 140


def write(
    message_id: str,
    created_at: datetime,
    assigner_name: str,
    assignee_bic: str,
    questions: Sequence[AccountQuestion],
    to: BinaryIO,
) -> None:
    """One Vrfctn for each question. Raises `BadBatch`, and then nothing was written."""
    problems = [
        *text_problems("MsgId", message_id, _ID_LENGTH),
        *text_problems("Assgnr", assigner_name, _NAME_LENGTH),
        *agent_problems("Assgne", Agent(bic=assignee_bic)),
        *([] if questions else ["no account is asked about"]),
    ]
    seen: set[str] = set()
    for number, question in enumerate(questions, 1):
        found = _question_problems(question, seen)
        problems += [f"question {number} ({question.id}): {problem}" for problem in found]
    if problems:
        raise BadBatch(problems)
    to.write(
        f"<?xml version='1.0' encoding='UTF-8'?>\n"
        f'<Document xmlns="{NAMESPACE_PREFIX}{VERSION}"><IdVrfctnReq>'
        f"<Assgnmt><MsgId>{escape(message_id)}</MsgId>"
        f"<CreDtTm>{created_at.isoformat(timespec='seconds')}</CreDtTm>"
        f"<Assgnr><Pty><Nm>{escape(assigner_name)}</Nm></Pty></Assgnr>"
        f"<Assgne><Agt><FinInstnId><BICFI>{assignee_bic}</BICFI></FinInstnId></Agt></Assgne></Assgnmt>".encode()
    )
    for question in questions:
        to.write(
            f"<Vrfctn><Id>{escape(question.id)}</Id><PtyAndAcctId><Pty><Nm>{escape(question.name)}</Nm></Pty>"
            f"<Acct><Id><Othr><Id>{question.account}</Id></Othr></Id></Acct>"
            f"<Agt><FinInstnId><ClrSysMmbId><MmbId>{question.bank_bin}</MmbId></ClrSysMmbId></FinInstnId></Agt>"
            f"</PtyAndAcctId></Vrfctn>".encode()
        )
    to.write(b"</IdVrfctnReq></Document>\n")


def _question_problems(question: AccountQuestion, seen: set[str]) -> list[str]:
    problems = [
        *text_problems("Id", question.id, _ID_LENGTH),
        *text_problems("Nm", question.name, _NAME_LENGTH),
        *account_problems("Acct", question.account),
        *agent_problems("Agt", Agent(bin=question.bank_bin)),
    ]
    if question.id in seen:
        problems.append("Id: used twice")
    seen.add(question.id)
    return problems
