import pytest

from gateways.errors import BadDocument
from gateways.iso20022 import acmt024
from gateways.iso20022.codes import NameCheck


def report(*answers: str) -> bytes:
    told = "".join(f"<Rpt><OrgnlId>V{number}</OrgnlId>{answer}</Rpt>" for number, answer in enumerate(answers))
    namespace = "urn:iso:std:iso:20022:tech:xsd:acmt.024.001.04"
    return f'<Document xmlns="{namespace}"><IdVrfctnRpt>{told}</IdVrfctnRpt></Document>'.encode()


def refused(code: str) -> str:
    return f"<Vrfctn>false</Vrfctn><Rsn><Cd>{code}</Cd></Rsn>"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("<Vrfctn>true</Vrfctn>", NameCheck.MATCH),
        ("<Vrfctn>1</Vrfctn>", NameCheck.MATCH),
        (refused("PN01"), NameCheck.NO_MATCH),
        (refused("PN02"), NameCheck.CLOSE_MATCH),
        (refused("AC01"), NameCheck.INVALID_ACCOUNT),
        (refused("NORR"), NameCheck.UNABLE),
        (refused("AG01"), NameCheck.NOT_ALLOWED),
        (refused("ZZ99"), NameCheck.UNABLE),
        ("<Vrfctn>false</Vrfctn>", NameCheck.UNABLE),
    ],
)
def test_an_answer_about_an_account_says_no_more_than_its_code(answer: str, result: NameCheck) -> None:
    assert acmt024.read(report(answer)) == (acmt024.VerifiedAccount("V0", result),)


def test_every_question_has_its_own_answer() -> None:
    answers = acmt024.read(report("<Vrfctn>true</Vrfctn>", refused("PN02")))

    assert [(answer.id, answer.result) for answer in answers] == [
        ("V0", NameCheck.MATCH),
        ("V1", NameCheck.CLOSE_MATCH),
    ]


@pytest.mark.parametrize("content", [b"", b"<Document/>", report(""), report().replace(b"024", b"023")])
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(BadDocument):
        acmt024.read(content)
