"""Two sides that share no code agree on what is signed, and the bank believes nothing that was changed on the way."""

import hashlib
import re
from pathlib import Path

import pytest

from gateways.iso20022 import schemas
from gateways.signing import ensure_key, load_key
from gateways.simulator.errors import Unread, Unsigned
from gateways.simulator.reading import read_order, verify_signature

NOW = 1_763_778_600
BODY = b"<Document/>"
SENT = {"method": "PUT", "path": "/h2h/payments/M1", "query": ""}


def signed(tmp_path: Path) -> tuple[dict[str, str], dict[str, str]]:
    public_keys = {"thuchi": ensure_key(tmp_path / "key.pem")}
    headers = {"content-type": "application/xml", "file-name": "M1.xml"}
    key = load_key("thuchi", tmp_path / "key.pem")
    return key.signed_headers("PUT", "/h2h/payments/M1", BODY, headers, NOW), public_keys


def test_what_we_sign_the_bank_believes(tmp_path: Path) -> None:
    headers, public_keys = signed(tmp_path)

    assert verify_signature(**SENT, headers=headers, body=BODY, public_keys=public_keys, seconds_now=NOW) == "thuchi"


@pytest.mark.parametrize(
    ("sent", "header", "body"),
    [
        ({"method": "POST"}, {}, BODY),
        ({"path": "/h2h/payments/M2"}, {}, BODY),
        ({"query": "on=2026-11-25"}, {}, BODY),
        ({}, {"file-name": "M2.xml"}, BODY),
        ({}, {"content-digest": "sha-256=:x:"}, BODY),
        ({}, {"signature": "sig1=:AAAA:"}, BODY),
        ({}, {"signature": ""}, BODY),
        ({}, {"signature-input": 'sig1=("@method");created=1;keyid="thuchi";alg="ed25519"'}, BODY),
        ({}, {}, b"<Document>more</Document>"),
    ],
)
def test_whatever_is_changed_on_the_way_is_noticed(
    tmp_path: Path, sent: dict[str, str], header: dict[str, str], body: bytes
) -> None:
    headers, public_keys = signed(tmp_path)

    with pytest.raises(Unsigned) as refused:
        verify_signature(
            **{**SENT, **sent}, headers={**headers, **header}, body=body, public_keys=public_keys, seconds_now=NOW
        )
    assert refused.value.answer_code == "BAD_SIGNATURE"


def test_a_moved_signing_time_breaks_the_signature(tmp_path: Path) -> None:
    headers, public_keys = signed(tmp_path)
    headers["signature-input"] = headers["signature-input"].replace(str(NOW), str(NOW + 1))

    with pytest.raises(Unsigned, match="does not verify"):
        verify_signature(**SENT, headers=headers, body=BODY, public_keys=public_keys, seconds_now=NOW)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"<Document/>", b'<!DOCTYPE x><D xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"/>']
)
def test_what_is_no_payment_file_is_refused_for_its_form(content: bytes) -> None:
    with pytest.raises(Unread) as refused:
        read_order(content, "M1")

    assert refused.value.answer_code == "FF01"


def test_the_schemas_are_the_ones_whose_origin_is_written_down() -> None:
    folder = Path(schemas.__file__).parent
    written_down = dict(
        re.findall(r"\| (\S+\.xsd) \|.*\| ([0-9a-f]{64}) \|", (folder / "README.md").read_text("utf-8"))
    )

    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.xsd")} == written_down
