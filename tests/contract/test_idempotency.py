"""The header Idempotency-Key: what is done once, what is said again, what is refused."""

import threading

import pytest

from engine.api.idempotency import Answer, IdempotencyKeys, fingerprint_of
from engine.cli.vectors import Status, run

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


class Work:
    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> Answer:
        self.done += 1
        return Answer(201, f"made {self.done}")


def test_a_repeat_is_given_the_first_answer() -> None:
    keys, work = IdempotencyKeys(), Work()
    first = keys.once("c", "pay", KEY, '{"a":1,"b":2}', work)
    again = keys.once("c", "pay", KEY, '{ "b": 2, "a": 1 }', work)
    assert (first, again) == (Answer(201, "made 1"), Answer(201, "made 1", replayed=True))
    assert work.done == 1


def test_a_bad_answer_is_kept_too() -> None:
    keys = IdempotencyKeys()
    for replayed in (False, True):
        assert keys.once("c", "pay", KEY, "{}", lambda: Answer(422, "no")) == Answer(422, "no", replayed)


def test_another_payload_under_the_key_is_refused() -> None:
    keys, work = IdempotencyKeys(), Work()
    keys.once("c", "pay", KEY, '{"a":1}', work)
    assert keys.once("c", "pay", KEY, '{"a":2}', work).status == 422
    assert keys.once("c", "pay", KEY, "not json", work).status == 422
    assert work.done == 1


def test_a_key_belongs_to_its_client_and_operation() -> None:
    keys, work = IdempotencyKeys(), Work()
    for client, operation in (("c", "pay"), ("d", "pay"), ("c", "refund")):
        assert keys.once(client, operation, KEY, "{}", work).status == 201
    assert work.done == 3


@pytest.mark.parametrize(
    "key", [None, "", "bare", '"', '""', '"a', '"a"b"', '"ế"', '"a\nb"', f'"{"a" * 256}"', '"\\x"']
)
def test_a_key_is_a_structured_string(key: str | None) -> None:
    work = Work()
    assert IdempotencyKeys().once("c", "pay", key, "{}", work).status == 400
    assert work.done == 0


def test_work_that_fails_keeps_nothing() -> None:
    keys, work = IdempotencyKeys(), Work()

    def fail() -> Answer:
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        keys.once("c", "pay", KEY, "{}", fail)
    assert keys.once("c", "pay", KEY, "{}", work).status == 201


def test_many_at_once_do_it_once() -> None:
    keys, work, begun, statuses = IdempotencyKeys(), Work(), threading.Barrier(8), []

    def call() -> None:
        begun.wait()
        statuses.append(keys.once("c", "pay", KEY, "{}", work).status)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.done == 1
    assert set(statuses) <= {201, 409}


@pytest.mark.parametrize(
    "sequence",
    [
        [{"key": '"k"', "body": "{}"}, {"key": '"k"', "body": "{}", "concurrent": True}],
        [{"key": '"k"', "body": "{}", "at": "same time"}, {"key": '"k"', "body": "{}", "at": "same time"}],
        [[{"key": '"k"', "body": "{}"}, {"key": '"k"', "body": "{}"}]],
    ],
)
def test_a_vector_may_call_at_the_same_time(sequence: list[object]) -> None:
    expected = {"statuses_any_order": [409, 201], "executed": 1}
    vector = {"id": "v", "protocol": "idempotency-key", "operation": "server_behaviour"}
    assert run({**vector, "inputs": {"sequence": sequence}, "expected": expected}).status is Status.PASSED


def test_blanks_and_order_are_no_part_of_a_request() -> None:
    assert fingerprint_of('{"a": [1, 2], "b": "x"}') == fingerprint_of('{"b":"x","a":[1,2]}')
    assert fingerprint_of('{"a": [1, 2]}') != fingerprint_of('{"a": [2, 1]}')
    assert fingerprint_of('{"a": 1}') != fingerprint_of('{"a": "1"}')
