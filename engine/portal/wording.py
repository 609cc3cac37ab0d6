"""How values read on a page: dates, money, numbers of a formula, and the words of states, funds and codes.

Words are Vietnamese and are translated where they are shown. Each table has a word for every member of its enum; a
test finds the one without.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import NamedTuple

from engine.clock import VIET_NAM
from engine.payments.payment import PaymentState
from reconciliation.breaks import BreakClass, Owner


def _(word: str) -> str:
    """Marks a word for the catalogue of translations."""
    return word


class Look(NamedTuple):
    """A state as it is shown: a shape and a tone besides the word, so that colour alone never tells."""

    word: str
    tone: str
    shape: str


PAYMENT_STATES: Mapping[str, Look] = {
    PaymentState.PLANNED: Look(_("Dự kiến"), "quiet", "ring"),
    PaymentState.APPROVED: Look(_("Đã duyệt, chờ gửi"), "quiet", "ring"),
    PaymentState.IN_TRANSIT: Look(_("Đang chuyển"), "moving", "arrow"),
    PaymentState.SETTLED: Look(_("Hoàn tất"), "good", "check"),
    PaymentState.HELD: Look(_("Tạm giữ"), "wait", "pause"),
    PaymentState.FAILED: Look(_("Không thành công"), "bad", "cross"),
    PaymentState.RETURNED: Look(_("Bị hoàn trả"), "wait", "back"),
    PaymentState.CANCELLED: Look(_("Đã hủy"), "quiet", "cross"),
}
STATES_TOLD_TO_PAYEES: Mapping[str, Look] = {
    PaymentState.PLANNED: Look(_("Đang chuẩn bị"), "quiet", "ring"),
    PaymentState.APPROVED: Look(_("Đã duyệt, sắp chuyển"), "quiet", "ring"),
    PaymentState.IN_TRANSIT: Look(_("Đang chuyển qua ngân hàng"), "moving", "arrow"),
    PaymentState.SETTLED: Look(_("Đã chuyển tiền"), "good", "check"),
    PaymentState.HELD: Look(_("Tạm giữ để kiểm tra"), "wait", "pause"),
    PaymentState.FAILED: Look(_("Chưa chuyển được"), "bad", "cross"),
    PaymentState.RETURNED: Look(_("Tiền bị ngân hàng trả lại"), "wait", "back"),
    PaymentState.CANCELLED: Look(_("Đã hủy"), "quiet", "cross"),
}
RUN_STATES: Mapping[str, Look] = {
    "planned": Look(_("Đã lập"), "quiet", "ring"),
    "submitted": Look(_("Chờ duyệt"), "wait", "pause"),
    "approved": Look(_("Đã duyệt"), "good", "check"),
    "stopped": Look(_("Đã dừng"), "bad", "cross"),
    "cancelled": Look(_("Đã hủy"), "quiet", "cross"),
}
BATCH_STATES: Mapping[str, Look] = {
    "ready": Look(_("Sẵn sàng"), "quiet", "ring"),
    "sending": Look(_("Đang gửi"), "moving", "arrow"),
    "accepted": Look(_("Ngân hàng đã nhận"), "moving", "arrow"),
    "unknown": Look(_("Chưa rõ, đang tra soát"), "wait", "pause"),
    "rejected": Look(_("Không được nhận"), "bad", "cross"),
    "answered": Look(_("Đã có kết quả"), "good", "check"),
}
SIGNING_ROLES = {"preparer": _("Người lập"), "approver": _("Người duyệt"), "authoriser": _("Người chuẩn chi")}
BENEFITS = {
    "pension": _("Lương hưu"),
    "retirement_lump_sum": _("Trợ cấp một lần khi nghỉ hưu"),
    "funeral_grant": _("Trợ cấp mai táng"),
    "survivor_allowance": _("Trợ cấp tuất hằng tháng"),
    "survivor_lump_sum": _("Trợ cấp tuất một lần"),
    "refund": _("Hoàn trả tiền đóng"),
}
FUNDS = {
    "retirement": _("Quỹ hưu trí và tử tuất"),
    "state_budget": _("Ngân sách nhà nước"),
}
BREAKS = {
    BreakClass.MISSING_AT_BANK: (_("Ngân hàng chưa ghi"), _("Tra soát với ngân hàng theo mã tham chiếu")),
    BreakClass.UNKNOWN_TO_US: (_("Chưa rõ của ai"), _("Xác định người nộp hoặc người nhận rồi ghi sổ")),
    BreakClass.AMOUNT_DIFFERS: (_("Lệch số tiền"), _("So lệnh đã gửi với dòng sao kê, báo ngân hàng")),
    BreakClass.ACCOUNT_DIFFERS: (_("Sai tài khoản"), _("Báo ngân hàng điều chỉnh")),
    BreakClass.SIGN_DIFFERS: (_("Ngược chiều Nợ, Có"), _("Kiểm tra lệnh hoàn trả đi trước lệnh chi")),
    BreakClass.DUPLICATE_AT_BANK: (_("Ngân hàng ghi hai lần"), _("Yêu cầu ngân hàng hoàn lại lần thừa")),
    BreakClass.NO_LONGER_EXPECTED: (_("Đã coi là hỏng mà tiền vẫn đi"), _("Dừng chi lại, yêu cầu ngân hàng xác nhận")),
    BreakClass.AMBIGUOUS: (_("Nhiều mã tham chiếu trên một dòng"), _("Đối chiếu bằng tay")),
    BreakClass.RETURNED: (_("Lệnh chi bị hoàn trả"), _("Xin thông tin tài khoản mới rồi chi lại")),
    BreakClass.UNDONE: (_("Đã gỡ khớp"), _("Xem lý do gỡ và khớp lại")),
    BreakClass.STATEMENT_GAP: (_("Sao kê không liền nhau"), _("Tải sao kê còn thiếu")),
    BreakClass.STATEMENT_REISSUED: (_("Ngân hàng gửi lại sao kê khác"), _("Hai người quyết định dùng sao kê nào")),
}
OWNERS = {
    Owner.PAYMENTS: _("Bộ phận chi trả"),
    Owner.COLLECTION: _("Bộ phận thu"),
    Owner.BENEFITS: _("Bộ phận chế độ"),
    Owner.FINANCE: _("Kế toán"),
    Owner.OPERATIONS: _("Vận hành"),
}
COMPONENT_FUNDS = {
    "retirement": _("Hưu trí, tử tuất"),
    "sickness": _("Ốm đau, thai sản"),
    "accident": _("Tai nạn lao động, bệnh nghề nghiệp"),
    "unemployment": _("Bảo hiểm thất nghiệp"),
    "health": _("Bảo hiểm y tế"),
}
ALLOCATED_TO = {"principal": _("Tiền đóng"), "late_charge": _("Tiền chậm đóng")}
EMPLOYER_EVENTS = {
    "declaration_accepted": _("Ghi nhận số phải đóng"),
    "dues_reduced": _("Giảm số phải đóng đã kê khai"),
    "late_charged": _("Tính tiền chậm đóng"),
    "receipt_booked": _("Thu tiền đóng theo sao kê"),
    "receipt_unidentified": _("Thu tiền chưa rõ của ai"),
    "receipt_identified": _("Xác định được khoản thu"),
    "receipt_allocated": _("Phân bổ vào các quỹ"),
    "run_approved": _("Duyệt hoàn trả"),
    "payment_cancelled": _("Hủy hoàn trả"),
}
"""What moves on an employer's accounts, refunds among it."""
EMPLOYER_ACCOUNTS = {
    "contributions_receivable": _("Tiền đóng còn phải nộp"),
    "late_charge_receivable": _("Tiền chậm đóng còn phải nộp"),
    "receipts_unallocated": _("Tiền đã nộp, chưa phân bổ"),
}
LATENESS = {
    "not_due": Look(_("Chưa đến hạn"), "quiet", "ring"),
    "late": Look(_("Chậm đóng"), "wait", "pause"),
    "evaded": Look(_("Trốn đóng"), "bad", "cross"),
}
NOTICE_STATES = {
    "paid": Look(_("Đã nộp đủ"), "good", "check"),
    "partly_paid": Look(_("Còn thiếu"), "wait", "pause"),
    "open": Look(_("Chờ nộp"), "quiet", "ring"),
    "announced": Look(_("Đã nộp, chờ đối soát"), "moving", "arrow"),
    "charge_owed": Look(_("Còn nợ tiền chậm đóng"), "wait", "pause"),
    "overdue": Look(_("Quá hạn"), "bad", "cross"),
}


class OrderState(NamedTuple):
    """Where an online payment stands, and what the employer can do."""

    look: Look
    advice: str


ORDER_STATES = {
    "waiting": OrderState(
        Look(_("Chờ thanh toán"), "quiet", "ring"),
        _("Hãy hoàn tất ở trang thanh toán trong 15 phút. Trang này tự cập nhật khi có kết quả."),
    ),
    "asked_about": OrderState(
        Look(_("Đang tra soát"), "wait", "pause"),
        _("Chưa rõ kết quả và đang hỏi nơi thanh toán. Nếu tài khoản đã bị trừ tiền thì không cần nộp lại."),
    ),
    "announced": OrderState(
        Look(_("Đã nộp, chờ đối soát"), "moving", "arrow"),
        _("Nơi thanh toán báo đã nhận tiền. Tiền được ghi thu khi có tệp đối soát, thường là hôm sau."),
    ),
    "received": OrderState(
        Look(_("Đã thu"), "good", "check"), _("Tiền đã được ghi thu và phân bổ theo thứ tự luật định.")
    ),
    "returned": OrderState(
        Look(_("Đã hoàn lại"), "wait", "back"), _("Nơi thanh toán báo đã trả lại tiền cho người nộp.")
    ),
    "failed": OrderState(Look(_("Không thành công"), "bad", "cross"), _("Chưa có tiền nào được nộp bằng lệnh này.")),
}
PAYOUT_REQUESTS = {
    "waiting": Look(_("Chờ duyệt"), "open", "ring"),
    "approved": Look(_("Đã duyệt"), "good", "check"),
    "refused": Look(_("Không được duyệt"), "bad", "cross"),
    "revoked": Look(_("Không còn hiệu lực"), "bad", "cross"),
}
OUTCOMES = {
    "approved": _("Đã duyệt"),
    "settled": _("Hoàn tất"),
    "returned": _("Bị hoàn trả"),
    "in_transit": _("Đang chuyển"),
    "held": _("Tạm giữ"),
    "failed": _("Không thành công"),
    "cancelled": _("Đã hủy"),
    "waiting": _("Chờ gửi"),
}
EVENTS = {
    "run_approved": _("Duyệt đợt chi trả"),
    "payment_cancelled": _("Hủy khoản chi"),
    "payment_sent": _("Gửi lệnh chi"),
    "payment_not_sent": _("Lệnh chi không được thực hiện"),
    "payment_settled": _("Sao kê ghi Nợ: đã chi"),
    "payment_returned": _("Sao kê ghi Có: bị hoàn trả"),
    "overpayment_found": _("Chi sai, phải thu hồi"),
    "recovery_set_off": _("Khấu trừ khoản phải thu hồi"),
    "set_off_undone": _("Ghi lại khoản phải thu hồi đã khấu trừ"),
    "return_taken_back": _("Tiền hoàn trả không còn phải chi"),
    "settled_undone": _("Đảo bút toán đã chi: khớp sai"),
    "return_undone": _("Đảo bút toán hoàn trả: khớp sai"),
}
OBSERVED_BY = {
    "answer": _("Trả lời của ngân hàng"),
    "callback": _("Ngân hàng gọi lại"),
    "inquiry": _("Tra soát"),
    "file": _("Tệp kết quả"),
    "statement": _("Sao kê"),
}


class Reason(NamedTuple):
    """Why a bank refused or returned money, and what the payee or our staff does about it."""

    word: str
    payee: str
    staff: str


_NEW_ACCOUNT = _("Mang giấy tờ tùy thân đến cơ quan bảo hiểm xã hội để đăng ký tài khoản khác.")
_CHECK_ACCOUNT = _("Kiểm tra lại số tài khoản với ngân hàng rồi báo cơ quan bảo hiểm xã hội.")
_CHECK_NAME = _("Tên chủ tài khoản phải trùng với tên trên quyết định hưởng; hãy báo lại tài khoản chính chủ.")
_SURVIVORS = _("Thân nhân vui lòng liên hệ cơ quan bảo hiểm xã hội để được hướng dẫn chế độ tử tuất.")
_VERIFY = _("Mời ông bà đến cơ quan bảo hiểm xã hội xác minh thông tin; các tháng chờ sẽ được truy lĩnh.")
DECEASED = "MD07"
REASONS: Mapping[str, Reason] = {
    "AC01": Reason(_("Số tài khoản không đúng"), _CHECK_ACCOUNT, _("Hỏi lại số tài khoản, nhập thay đổi, chi lại")),
    "AC03": Reason(_("Số tài khoản không đúng"), _CHECK_ACCOUNT, _("Hỏi lại số tài khoản, nhập thay đổi, chi lại")),
    "AC04": Reason(_("Tài khoản đã đóng"), _NEW_ACCOUNT, _("Xin tài khoản mới, nhập thay đổi, chi lại")),
    "AC06": Reason(_("Tài khoản bị phong tỏa"), _NEW_ACCOUNT, _("Xin tài khoản khác hoặc chi tiền mặt")),
    "BE01": Reason(_("Tên không khớp chủ tài khoản"), _CHECK_NAME, _("Đối chiếu tên với giấy tờ, sửa rồi chi lại")),
    DECEASED: Reason(
        _("Ngân hàng báo chủ tài khoản đã mất"),
        _SURVIVORS,
        _("Xác minh với hộ tịch; nếu đúng, dừng hưởng và hướng dẫn chế độ tử tuất"),
    ),
    "payee_has_died": Reason(
        _("Người hưởng đã mất"), _SURVIVORS, _("Không chi các tháng sau tháng mất; hướng dẫn chế độ tử tuất")
    ),
    "award_suspended": Reason(
        _("Tạm dừng hưởng"), _VERIFY, _("Theo dõi căn cứ tạm dừng; đề nghị hưởng tiếp khi căn cứ không còn")
    ),
    "award_terminated": Reason(
        _("Chấm dứt hưởng"),
        _("Nếu không đồng ý, ông bà có quyền khiếu nại với cơ quan bảo hiểm xã hội."),
        _("Hủy khoản đang giữ; lập kế hoạch thu hồi phần đã chi thừa"),
    ),
    "authority_ended": Reason(
        _("Ủy quyền, giám hộ nhận tiền đã hết hiệu lực"),
        _("Mời ông bà nộp giấy ủy quyền mới hoặc tài khoản chính chủ; khoản tiền được giữ lại cho ông bà."),
        _("Xin giấy ủy quyền mới hoặc tài khoản khác; hủy khoản đang giữ để lập lại"),
    ),
    "NOT_FOUND": Reason(_("Ngân hàng không nhận được lệnh"), "", _("Hệ thống tự gửi lại bằng lần gửi mới")),
}
_OTHER_REASON = Reason(
    _("Ngân hàng không thực hiện được"),
    _("Cơ quan bảo hiểm xã hội đang liên hệ ngân hàng và sẽ báo lại cho ông bà."),
    _("Xem mã lý do, liên hệ ngân hàng"),
)
CASES = {
    "no inquiry brought a final answer; a statement decides": _(
        "Tra soát chưa có kết luận; chờ sao kê của ngân hàng quyết định"
    ),
    "the payee has died: ask the bank for the money back": _("Người hưởng đã mất: đề nghị ngân hàng trả lại tiền"),
    "the beneficiary has died: the funeral grant and survivor benefits may be claimed": _(
        "Người hưởng đã mất: thân nhân có thể đề nghị trợ cấp mai táng và chế độ tử tuất"
    ),
}


class Refusal(NamedTuple):
    """Why a page is not shown, and what the visitor can do."""

    title: str
    advice: str


FAILED = Refusal(_("Chưa thực hiện được"), _("Lỗi đã được ghi lại. Xin thử lại sau ít phút."))
REFUSALS: Mapping[int, Refusal] = {
    HTTPStatus.BAD_REQUEST: Refusal(_("Địa chỉ có chỗ chưa đúng"), _("Xin sửa lại địa chỉ, hoặc đi lại từ trang đầu.")),
    HTTPStatus.FORBIDDEN: Refusal(
        _("Trang này dành cho vai khác"), _("Nếu vừa gửi một biểu mẫu, hãy mở lại trang rồi gửi lại.")
    ),
    HTTPStatus.NOT_FOUND: Refusal(
        _("Không tìm thấy trang"), _("Địa chỉ không đúng, hoặc nội dung này không thuộc về ông bà.")
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Refusal(
        _("Không mở được trang theo cách này"),
        _("Trang này chỉ nhận biểu mẫu của chính hệ thống; hãy về trang đầu."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Refusal(
        _("Hệ thống đang tạm nghỉ"), _("Cơ sở dữ liệu chưa trả lời. Xin thử lại sau ít phút.")
    ),
}
RUN_REFUSALS = {
    "signed_already": _(
        "Ông bà đã ký đợt này ở bước khác: người lập, người duyệt và người chuẩn chi phải là ba người khác nhau."
    ),
    "role_may_not_sign": _("Bước ký này thuộc vai khác, hoặc quyền ký của ông bà đã thay đổi."),
    "content_changed": _(
        "Có khoản chi bị sửa sau khi trình nên các chữ ký không còn hiệu lực. Hãy trả lại đợt để lập lại."
    ),
    "run_has_moved": _("Người khác vừa xử lý đợt này. Dưới đây là tình trạng mới; hãy xem lại rồi mới ký."),
    "reason_missing": _("Hãy ghi lý do để người xem sau được biết."),
    "not_allowed": _("Không làm được việc này ở tình trạng hiện nay của đợt."),
}
RUN_ACTS = {
    "submit": _("Ký và trình duyệt"),
    "approve": _("Ký duyệt"),
    "send_back": _("Trả lại"),
    "stop": _("Dừng đợt"),
    "resume": _("Cho đợt đi tiếp"),
}
CHANGES = {
    "new": _("Mới hưởng"),
    "raised": _("Tăng"),
    "lowered": _("Giảm"),
    "unchanged": _("Không đổi"),
    "died": _("Đã mất"),
    "suspended": _("Tạm dừng hưởng"),
    "ended": _("Hết thời hạn hưởng"),
    "not_payable": _("Chưa có nơi nhận tiền"),
    "not_planned": _("Chưa lập vào đợt nào"),
}
VALIDATION_RULES = {
    "payee_has_died": _("Người hưởng đã mất trước tháng được chi"),
    "award_suspended": _("Đang tạm dừng hưởng"),
    "above_the_gateways_limit": _("Vượt mức một lần chi của ngân hàng"),
    "benefit_paid_twice_for_a_month": _("Một chế độ chi hai lần cho một tháng"),
    "account_replaced_or_withdrawn": _("Tài khoản đã được thay hoặc hủy"),
    "account_failed_last_time": _("Lần chi trước vào tài khoản này không tới người hưởng"),
    "account_said_to_be_anothers": _("Ngân hàng trả lời tài khoản của người khác"),
    "account_name_is_only_close": _("Tên chủ tài khoản chỉ gần giống"),
    "account_never_verified": _("Tài khoản chưa được ngân hàng xác nhận"),
    "account_of_several_payees": _("Một tài khoản nhận cho nhiều người"),
    "account_was_changed_lately": _("Tài khoản vừa được đổi"),
    "several_monthly_benefits": _("Một người hưởng nhiều chế độ hằng tháng"),
    "authority_ended": _("Ủy quyền hoặc giám hộ không còn hiệu lực"),
    "received_by_somebody_else": _("Người được ủy quyền hoặc người giám hộ nhận thay"),
    "amount_has_jumped": _("Số tiền thay đổi đột ngột"),
}
PARAMETERS = {
    "on": _("Ngày: chọn một ngày có thật, viết năm-tháng-ngày"),
    "run": _("Đợt chi trả: không quá 40 ký tự"),
    "state": _("Trạng thái: chọn một trạng thái trong danh sách"),
    "cursor": _("Vị trí trong danh sách: đi lại từ đầu danh sách"),
    "amount": _("Số tiền: không quá 30 ký tự"),
    "gateway": _("Nơi thanh toán: chọn một nơi trong danh sách"),
    "go": _("Cách mở trang: dùng đường dẫn trên trang trước"),
    "user": _("Người dùng: chọn một người trong danh sách"),
    "bank": _("Ngân hàng: chọn một ngân hàng trong danh sách"),
    "account": _("Số tài khoản: không quá 30 ký tự"),
    "request_no": _("Đề nghị: đi lại từ trang nơi nhận tiền"),
    "act": _("Việc cần làm: chọn một nút trên trang"),
    "reason": _("Lý do: không quá 200 ký tự"),
    "seen_state": _("Tình trạng đã xem: mở lại trang rồi gửi lại"),
    "seen_signatures": _("Số chữ ký đã xem: mở lại trang rồi gửi lại"),
    "done": _("Cách mở trang: dùng đường dẫn trên trang trước"),
    "form_token": _("Mã của biểu mẫu: mở lại trang rồi gửi lại"),
}


def reason_of(code: str | None) -> Reason:
    return REASONS.get(code or "", _OTHER_REASON)


def money(amount_vnd: int) -> str:
    """1.234.567 ₫, the sign with the number; the spaces do not break."""
    return f"{count(amount_vnd)}\u00a0₫"


def count(number: int) -> str:
    return f"{number:,}".replace(",", ".").replace("-", "−")


def day(value: date | str) -> str:
    """dd/mm/yyyy."""
    return f"{_as_date(value):%d/%m/%Y}"


def month(value: date | str) -> str:
    return f"{_as_date(value):%m/%Y}"


def instant(value: datetime) -> str:
    """The hour and day in Việt Nam."""
    return f"{value.astimezone(VIET_NAM):%H:%M %d/%m/%Y}"


def _as_date(value: date | str) -> date:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


_TOKEN = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})|(?P<month>\d{4}-\d{2})(?!\d)|(?P<years>\d+)y(?P<months>\d+)m"
    r"|(?P<whole>\d+)(?:\.(?P<part>\d+))?"
)


def numbers(formula: str, language: str) -> str:
    """The numbers of a finding as people here write them, and the words in their language.

    >>> numbers("10157062.5 × 63 % = 6398949", "vi")
    '10.157.062,5 × 63\xa0% = 6.398.949'
    >>> numbers("1964-05 + 61y3m = 2025-08; 2025-09-01", "vi")
    '05/1964 + 61 tuổi 3 tháng = 08/2025; 01/09/2025'
    >>> numbers("60 tháng / months", "en")
    '60 months'
    """
    shown = _TOKEN.sub(lambda token: _number(token, language), bilingual(formula, language))
    return shown.replace(" - ", " − ").replace(" %", "\u00a0%")


def _number(token: re.Match[str], language: str) -> str:
    if token["day"]:
        return day(token["day"])
    if token["month"]:
        return f"{token['month'][5:]}/{token['month'][:4]}"
    if token["years"]:
        years, months = ("tuổi", "tháng") if language == "vi" else ("years", "months")
        return f"{token['years']} {years}" + (f" {token['months']} {months}" if token["months"] != "0" else "")
    whole = count(int(token["whole"])) if len(token["whole"]) > 4 else token["whole"]
    return f"{whole},{token['part']}" if token["part"] else whole


def bilingual(words: str, language: str) -> str:
    """Of words given as `tiếng Việt / English`, the half asked for.

    >>> bilingual("cắt bỏ phần lẻ đồng / fractions of a đồng are dropped", "en")
    'fractions of a đồng are dropped'
    >>> bilingual("2388796080 / 381 = 6269805", "en")
    '2388796080 / 381 = 6269805'
    """
    vietnamese, slash, english = words.rpartition(" / ")
    if not slash or not re.search(r"[^\W\d_]", english):
        return words
    if language == "vi":
        return vietnamese
    count_before = re.match(r"[\d.,]+ ", vietnamese)
    return f"{count_before.group()}{english}" if count_before else english


def share(part_vnd: int, whole_vnd: int) -> str:
    """A part of a sum in percent, with one decimal, cut off.

    >>> share(1, 3)
    '33,3\\xa0%'
    """
    tenths = part_vnd * 1000 // whole_vnd if whole_vnd else 0
    return f"{tenths // 10},{tenths % 10}\u00a0%"
