import pytest

from gateways.banks.directory import bank_of, banks
from gateways.contract import masked
from gateways.scrub import scrub


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<Othr><Id>0011004123456</Id></Othr>", "<Othr><Id>•••••••••3456</Id></Othr>"),
        ("<n:Othr>\n <n:Id>ABC0011</n:Id>", "<n:Othr>\n <n:Id>••••0011</n:Id>"),
        ("<Nm>NGUYEN VAN AN</Nm><Ustrd>LUONG HUU</Ustrd>", "<Nm>•</Nm><Ustrd>•</Ustrd>"),
        ('"account": "12345678", "amount_vnd": 4250000', '"account": "••••5678", "amount_vnd": 4250000'),
        ("account 0011004123456 is closed", "account •••••••••3456 is closed"),
        ("Authorization: Bearer abc", "Authorization: •"),
        ('{"control_token": "abc"}', '{"control_token": "•"}'),
        ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----", "•"),
        ("-----BEGIN PRIVATE KEY-----\nMC4C", "•"),
        ('<InstdAmt Ccy="VND">4250000</InstdAmt>', '<InstdAmt Ccy="VND">4250000</InstdAmt>'),
        ("<EndToEndId>PN2612000000001</EndToEndId>", "<EndToEndId>PN2612000000001</EndToEndId>"),
    ],
)
def test_what_must_not_be_seen_is_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert scrub(text) == shown


@pytest.mark.parametrize("number", ["", "1", "1234", "12345", "0011004123456"])
def test_a_masked_number_shows_at_most_its_last_four(number: str) -> None:
    assert len([character for character in masked(number) if character != "•"]) == (4 if len(number) > 4 else 0)


def test_the_directory_of_banks_is_keyed_by_six_digit_bins() -> None:
    assert all(len(bin_number) == 6 and bin_number.isdigit() for bin_number in banks())
    vietcombank = bank_of("970436")
    assert vietcombank is not None
    assert vietcombank.bic == "BFTVVNVX"
    assert bank_of("000000") is None
