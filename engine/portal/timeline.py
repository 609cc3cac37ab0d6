"""The life of a payment in words: what happened, when, and what it means for who waits for the money."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from engine.clock import business_date
from engine.portal import wording


def _(word: str) -> str:
    """Marks a word for the catalogue of translations."""
    return word


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One thing that happened. `tone` is how it went; `open` marks what is still awaited."""

    word: str
    happened: date | None
    tone: str
    shape: str
    note: str = ""


def timeline(connection: Connection, reference: str) -> list[TimelineStep]:
    """Everything a payee can be told of one payment, the oldest first, and then what is still to come."""
    payment = connection.execute(
        text("""
            SELECT p.state, p.state_reason, again.reference AS reissued_by, a.decided_on, r.pay_on,
                   f.requested_at,
                   (SELECT max(s.signed_at) FROM engine.run_signature s
                    WHERE s.run_id = p.run_id AND r.state = 'approved') AS approved_at
            FROM engine.payment p LEFT JOIN engine.award a USING (award_id) JOIN engine.payment_run r USING (run_id)
            LEFT JOIN engine.refund f ON f.refund_id = p.refund_id
            LEFT JOIN engine.payment again ON again.payment_id = p.reissued_by
            WHERE p.reference = :reference"""),
        {"reference": reference},
    ).one()
    if payment.requested_at:
        steps = [TimelineStep(_("Đề nghị hoàn trả"), business_date(payment.requested_at), "good", "check")]
    else:
        steps = [TimelineStep(_("Ra quyết định hưởng"), payment.decided_on, "good", "check")]
    if payment.approved_at:
        steps.append(TimelineStep(_("Duyệt chi, ba người ký"), business_date(payment.approved_at), "good", "check"))
    steps += _attempts(connection, reference)
    steps += _statement_lines(connection, reference)
    return [*steps, *_still_open(payment)]


def _attempts(connection: Connection, reference: str) -> list[TimelineStep]:
    """Each time the order went to the bank; one that the bank never got is said to have gone again."""
    rows = connection.execute(
        text("""
            SELECT t.state, t.code, b.sent_at FROM engine.attempt t
            JOIN engine.payment p USING (payment_id) JOIN engine.batch b USING (batch_id)
            WHERE p.reference = :reference AND b.sent_at IS NOT NULL ORDER BY t.number"""),
        {"reference": reference},
    )
    steps = []
    for row in rows:
        sent_on = business_date(row.sent_at)
        steps.append(TimelineStep(_("Gửi lệnh chuyển tiền cho ngân hàng"), sent_on, "good", "check"))
        if row.state == "unknown":
            note = _("Tiền không bị gửi hai lần: chúng tôi hỏi lại bằng đúng mã lệnh cũ.")
            steps.append(TimelineStep(_("Chưa có trả lời của ngân hàng, đang tra soát"), None, "wait", "pause", note))
        if row.state == "failed":
            word = wording.reason_of(row.code).word
            steps.append(TimelineStep(word, None, "bad" if row.code != "NOT_FOUND" else "wait", "cross"))
    return steps


def _statement_lines(connection: Connection, reference: str) -> list[TimelineStep]:
    """What the bank's own statement says."""
    rows = connection.execute(
        text("""
            SELECT i.sign, i.return_reason, e.booked_on
            FROM reconciliation.expectation x JOIN reconciliation.match m USING (expectation_id)
            JOIN reconciliation.statement_item i USING (item_id)
            JOIN reconciliation.statement_entry e USING (statement_id, entry_no)
            WHERE x.reference = :reference AND m.undone_at IS NULL ORDER BY e.booked_on, m.match_id"""),
        {"reference": reference},
    )
    steps = []
    for row in rows:
        if row.sign == "debit":
            note = _("Đã đối chiếu với sao kê của ngân hàng.")
            steps.append(TimelineStep(_("Ngân hàng đã chuyển tiền"), row.booked_on, "good", "check", note))
        else:
            reason = wording.reason_of(row.return_reason).word
            steps.append(TimelineStep(_("Ngân hàng trả lại tiền"), row.booked_on, "wait", "back", reason))
    return steps


def _still_open(payment: Any) -> list[TimelineStep]:
    if payment.reissued_by:
        return [TimelineStep(_("Đã lập khoản chi lại"), None, "good", "check", payment.reissued_by)]
    match payment.state:
        case "planned":
            return [TimelineStep(_("Chờ duyệt chi"), None, "open", "ring")]
        case "approved":
            return [TimelineStep(_("Chuyển tiền theo lịch chi trả"), payment.pay_on, "open", "ring")]
        case "held":
            return [TimelineStep(_("Tạm giữ để kiểm tra"), None, "wait", "pause")]
        case "in_transit":
            return [TimelineStep(_("Chờ sao kê của ngân hàng xác nhận"), None, "open", "ring")]
        case "failed" | "returned" if payment.state_reason == wording.DECEASED:
            return [TimelineStep(_("Chờ xác minh với hộ tịch"), None, "open", "ring")]
        case "failed" | "returned":
            return [TimelineStep(_("Chi lại sau khi có thông tin tài khoản đúng"), None, "open", "ring")]
        case _:
            return []
