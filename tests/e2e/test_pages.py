"""A browser walks the portal as every user, on a phone and on a desk, in Vietnamese, in English and without scripts.

The month shown is a small demonstration. Screenshots go to the directory that THUCHI_SCREENSHOTS names, if it is set.
"""

import contextlib
import io
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import builders
import pytest
import uvicorn
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine, text

from engine.database import Database
from engine.demonstration.month import Reporter, run_month
from engine.installation import Installation, open_installation
from engine.payments import planning
from engine.settings import Settings
from engine.web import create_app
from gateways.simulator import process as simulator

PHONE, DESK = 390, 1280
WIDTHS = (320, PHONE, DESK // 2, DESK)
"""A small phone, a phone, a desk at 200 % zoom, a desk."""
BENEFICIARY, EMPLOYER, FINANCE = "Người hưởng", "Đơn vị sử dụng lao động", "Cán bộ tài chính"
FINANCE_PAGES = (
    "/finance",
    "/finance/runs/2026-11/1",
    "/finance/approvals/2026-11/1",
    "/finance/payments",
    "/finance/open-items",
    "/finance/proof",
)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> str:
    """The system's browser; its absence is skipped aloud, except where all tests must run."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "no chromium on the path: install it (Debian: apt-get install chromium) to walk the pages"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def portal(chromium: str) -> Iterator[str]:
    """The address of a portal over a month of 120 payees."""
    with builders.embedded_home("pages") as home:
        settings = Settings(home, None, None, None)
        run_month(settings, 120, 1, Reporter(phase=lambda _name: None, advance=lambda _done, _total, _beside: None))
        simulator.stop(home / "simulator")
        with open_installation(settings) as installation, served(installation) as address:
            yield address
        simulator.stop(home / "simulator")


@contextlib.contextmanager
def served(installation: Installation) -> Iterator[str]:
    """The address of a portal over an installation."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(create_app(installation), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield (started := playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS)))
        started.close()


@pytest.fixture
def photograph(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture of a page for people to look at."""
    kept = os.environ.get("THUCHI_SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if kept:
            width = (page.viewport_size or {"width": 0})["width"]
            page.screenshot(path=Path(kept) / f"{width}-{name}.png", full_page=True)

    return take


@contextlib.contextmanager
def visit(browser: Browser, portal: str, width: int, *, scripts: bool = True, refused: bool = False) -> Iterator[Page]:
    """A fresh browser window; whatever its console complains of fails the test at the end, but refusals expected."""
    complaints: list[str] = []
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 900}, locale="vi-VN", base_url=portal, java_script_enabled=scripts
    )
    page = context.new_page()
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [said for said in complaints if not (refused and "Failed to load resource" in said)] == []


def sign_in(page: Page, role: str, place: int = 0) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name=role).nth(place).click()
    expect(page.get_by_role("button", name="Đăng xuất")).to_be_visible()


def check(page: Page) -> None:
    """What holds on every page: one main heading, no sideways scrolling, readable contrast, no link to nowhere."""
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("main")).to_have_count(1)
    assert page.title().endswith("– Thu Chi")
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0, f"{page.url} scrolls sideways"
    assert page.evaluate(_LOW_CONTRAST) == [], page.url
    assert page.evaluate(_UNNAMED) == [], page.url


_LOW_CONTRAST = """() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.backgroundImage !== 'none') return channels(style.backgroundImage.match(/rgb\\([^)]*\\)/)[0]);
      const color = channels(style.backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('svg')) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const [first, second] = [light(channels(style.color)), light(behind(element))].sort((a, b) => b - a);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (first + 0.05) / (second + 0.05);
    const what = `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`;
    if (ratio < needed) low.push(`${what} ${ratio.toFixed(2)}`);
  }
  return low;
}"""

_UNNAMED = """() => [...document.querySelectorAll('a, button, select, input:not([type=hidden]), [role=img]')]
  .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length)))
  .map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", WIDTHS)
def test_a_beneficiary_finds_payments_timeline_and_reasons(
    browser: Browser, portal: str, width: int, photograph: Callable[[Page, str], None]
) -> None:
    with visit(browser, portal, width) as page:
        page.goto("/")
        check(page)
        photograph(page, "door")
        sign_in(page, BENEFICIARY)
        expect(page.get_by_role("heading", level=1)).to_have_text("Tiền của tôi")
        expect(page.get_by_role("heading", name="Kỳ tới, tháng 12/2026")).to_be_visible()
        check(page)
        photograph(page, "beneficiary")
        page.get_by_role("link", name="Lương hưu tháng 11/2026").click()
        expect(page.get_by_role("heading", name="Vì sao có số tiền này")).to_be_visible()
        expect(page.locator(".timeline li").first).to_contain_text("Ra quyết định hưởng")
        expect(page.locator(".timeline li").last).to_contain_text("Ngân hàng đã chuyển tiền")
        expect(page.locator(".why li.amount-found")).to_have_count(1)
        assert page.locator(".why .article").count() > 3
        expect(page.locator(".short .whole dd")).to_have_text(page.locator(".summary .amount").inner_text())
        page.get_by_text("Dữ kiện và quy định đã dùng").first.click()
        check(page)
        photograph(page, "beneficiary-payment")


def test_a_beneficiary_whose_money_came_back_is_told_what_to_do(
    browser: Browser, portal: str, photograph: Callable[[Page, str], None]
) -> None:
    with visit(browser, portal, PHONE) as page:
        sign_in(page, BENEFICIARY, place=1)
        expect(page.get_by_role("region", name="Cần ông bà giúp")).to_be_visible()
        page.get_by_role("link", name="Xem khoản").click()
        expect(page.locator(".summary .state")).to_have_text("Tiền bị ngân hàng trả lại")
        expect(page.locator(".timeline .open")).to_have_count(1)
        check(page)
        photograph(page, "beneficiary-returned")


@pytest.mark.parametrize("width", WIDTHS)
def test_an_employer_finds_notice_code_and_allocation(
    browser: Browser, portal: str, width: int, photograph: Callable[[Page, str], None]
) -> None:
    with visit(browser, portal, width) as page:
        sign_in(page, EMPLOYER)
        expect(page.get_by_role("heading", name="Tiền đã nộp và đã vào quỹ nào")).to_be_visible()
        expect(page.get_by_role("rowheader", name="Hưu trí, tử tuất")).to_be_visible()
        check(page)
        photograph(page, "employer")
        page.get_by_role("link", name="Tháng 10/2026").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Thông báo đóng tháng 10/2026")
        expect(page.locator(".memo")).to_contain_text("+BHXH+103+00+")
        check(page)
        photograph(page, "employer-notice")
        page.get_by_text("xem lại mã QR").click()
        check(page)
        picture = Image.open(io.BytesIO(page.locator(".qr").screenshot()))
        (code,) = zxingcpp.read_barcodes(picture)
        assert code.text == page.request.get("/v1/notices/1").json()["qr"]
        assert page.request.get(page.url + "/pdf").body().startswith(b"%PDF-")


@pytest.mark.parametrize("scripts", [True, False])
def test_an_employer_pays_at_a_payment_page_and_comes_back_to_the_result(
    browser: Browser, portal: str, scripts: bool, photograph: Callable[[Page, str], None]
) -> None:
    """The payment page is a simulated one, and tells us over HTTP before it sends the browser back."""
    with visit(browser, portal, PHONE, scripts=scripts) as page:
        sign_in(page, EMPLOYER)
        page.goto("/employer/notices/1/pay")
        if scripts:
            check(page)
            photograph(page, "employer-pay")
        page.get_by_label("Số tiền (đồng)").fill("3.200.000" if scripts else "1 500 000")
        page.get_by_label("VNPAY").check()
        page.get_by_role("button", name="Tiếp tục").click()
        page.wait_for_url("**/paymentv2/vpcpay.html?**")
        page.get_by_role("button", name="Thanh toán").click()
        page.wait_for_url("**/employer/orders/TT*")
        expect(page.locator(".summary .state")).to_have_text("Đã nộp, chờ đối soát")
        if scripts:
            check(page)
            photograph(page, "employer-paid-online")
        # What was paid at the beginning of the month has its receipt.
        page.goto("/employer/orders/TT00000000001D")
        expect(page.locator(".summary .state")).to_have_text("Đã thu")
        page.get_by_role("definition").get_by_role("link").click()
        expect(page.get_by_role("rowheader", name="Bảo hiểm y tế")).to_be_visible()
        if scripts:
            check(page)
            photograph(page, "employer-receipt")
        assert page.request.get("/employer/receipts/99").status == 404


def test_an_employer_sees_its_own_matters_and_nothing_else(browser: Browser, portal: str) -> None:
    with visit(browser, portal, DESK) as page:
        sign_in(page, EMPLOYER)
        (notice,) = page.request.get("/v1/notices").json()["items"]
        receipts = page.request.get("/v1/receipts").json()["items"]
        assert [notice["outstanding_vnd"], *(receipt["surplus_vnd"] for receipt in receipts)] == [0, 0, 0]
        for receipt in receipts:
            assert sum(part["amount_vnd"] for part in receipt["parts"]) == receipt["amount_vnd"]
        assert sum(receipt["amount_vnd"] for receipt in receipts) == notice["dues_vnd"]
        for address in ("/v1/notices/2", "/employer/notices/2", "/employer/notices/2/pdf"):
            assert page.request.get(address).status == 404, address
        for address in ("/v1/payments", "/v1/runs", "/v1/proof", "/finance", "/beneficiary"):
            assert page.request.get(address).status == 403, address


@pytest.mark.parametrize("width", WIDTHS)
def test_finance_staff_walk_from_the_board_to_a_payment(
    browser: Browser, portal: str, width: int, photograph: Callable[[Page, str], None]
) -> None:
    with visit(browser, portal, width) as page:
        sign_in(page, FINANCE)
        for address in FINANCE_PAGES:
            page.goto(address)
            check(page)
            photograph(page, address.strip("/").replace("/", "-"))
        expect(page.get_by_text("Không có chênh lệch.")).to_be_visible()
        page.goto("/finance/open-items")
        page.locator(".group").first.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Bút toán")).to_be_visible()
        check(page)
        photograph(page, "finance-payment")


@pytest.mark.parametrize("role", [BENEFICIARY, EMPLOYER, FINANCE])
def test_the_same_pages_are_there_in_english(browser: Browser, portal: str, role: str) -> None:
    with visit(browser, portal, DESK) as page:
        sign_in(page, role)
        address = page.url
        page.get_by_role("link", name="English").click()
        assert page.url == f"{address}?lang=en"
        assert page.locator("html").get_attribute("lang") == "en"
        for path in page.locator("main a, nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))"):
            assert "lang=en" in path, path
            page.goto(path)
            check(page)
        page.get_by_role("link", name="Tiếng Việt").click()
        assert page.locator("html").get_attribute("lang") == "vi"


def test_everything_can_be_reached_by_keyboard_and_seen(browser: Browser, portal: str) -> None:
    with visit(browser, portal, DESK) as page:
        page.goto("/sign-in")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Đến nội dung chính")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=BENEFICIARY).first).to_be_focused()
        page.get_by_role("button", name=FINANCE).first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Đợt chi trả")
        reachable = page.locator("a[href], button, select, summary, input:not([type=hidden])").count()
        for _each in range(reachable):
            page.keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
        expect(page.locator("main a").last).to_be_focused()


def test_a_long_list_grows_in_place(browser: Browser, portal: str) -> None:
    with visit(browser, portal, DESK) as page:
        sign_in(page, FINANCE)
        page.goto("/finance/payments")
        expect(page.locator("#rows tr")).to_have_count(50)
        page.get_by_role("link", name="Xem tiếp").click()
        expect(page.locator("#rows tr")).to_have_count(100)
        assert page.url.endswith("/finance/payments")
        page.get_by_label("Trạng thái").select_option(label="Bị hoàn trả")
        page.get_by_role("button", name="Lọc").click()
        expect(page.locator("#rows .state").first).to_have_text("Bị hoàn trả")


def test_the_portal_works_without_scripts(browser: Browser, portal: str) -> None:
    with visit(browser, portal, PHONE, scripts=False) as page:
        sign_in(page, FINANCE)
        page.goto("/finance/payments")
        page.get_by_role("link", name="Xem tiếp").click()
        expect(page.locator("#rows tr")).to_have_count(50)
        assert "cursor=" in page.url
        page.get_by_role("button", name="Đăng xuất").click()
        expect(page.get_by_role("button", name=BENEFICIARY).first).to_be_visible()


@pytest.fixture
def waiting_run(chromium: str, database: Database, owner: Engine, tmp_path: Path) -> Iterator[str]:
    """The address of a portal over a run that waits to be signed; lan prepares, minh approves, hoa authorises."""
    installation = Installation(Settings(tmp_path, None, None, None), database)
    builders.add_world(database, installation.vault, builders.payees(3))
    with owner.begin() as connection:
        connection.execute(
            text("INSERT INTO engine.demonstration (payees, seed, now_at) VALUES (3, 1, :at)"), {"at": builders.AT}
        )
    with database.transaction("lan") as connection:
        planning.plan(connection, builders.PERIOD, builders.PAY_ON, "simbank", frozenset(), builders.AT)
    with served(installation) as address:
        yield address


def _sign_in_as(page: Page, person: str) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name=f"Cán bộ tài chính {person}").click()
    expect(page.locator(".who .name")).to_have_text(person)


@pytest.mark.parametrize("scripts", [True, False])
def test_three_persons_sign_a_run_and_of_two_tabs_one_is_told(
    browser: Browser, waiting_run: str, scripts: bool, photograph: Callable[[Page, str], None]
) -> None:
    with visit(browser, waiting_run, PHONE, scripts=scripts) as page:
        _sign_in_as(page, "lan")
        page.get_by_role("link", name="Đợt 2026-11/1").click()
        page.get_by_role("link", name="Kiểm tra, ký, dừng").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Duyệt đợt 2026-11/1")
        expect(page.get_by_role("rowheader", name="Tài khoản chưa được ngân hàng xác nhận")).to_be_visible()
        if scripts:
            check(page)
            photograph(page, "finance-approval")
        page.get_by_role("button", name="Ký và trình duyệt").click()
        expect(page.get_by_role("status")).to_contain_text("Đã ghi nhận")
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Approve run 2026-11/1")
    with visit(browser, waiting_run, DESK, scripts=scripts, refused=True) as page:
        _sign_in_as(page, "lan")
        page.goto("/finance/approvals/2026-11/1")
        page.get_by_role("button", name="Ký duyệt").click()
        expect(page.get_by_role("alert")).to_contain_text("Bước ký này thuộc vai khác")
        _sign_in_as(page, "minh")
        page.goto("/finance/approvals/2026-11/1")
        other_tab = page.context.new_page()
        other_tab.goto("/finance/approvals/2026-11/1")
        page.get_by_role("button", name="Ký duyệt").click()
        expect(page.get_by_role("status")).to_contain_text("Đã ghi nhận")
        other_tab.get_by_role("button", name="Ký duyệt").click()
        expect(other_tab.get_by_role("alert")).to_contain_text("Người khác vừa xử lý đợt này")
        expect(other_tab.locator(".signatures time")).to_have_count(2)
    with visit(browser, waiting_run, DESK, scripts=scripts) as page:
        _sign_in_as(page, "hoa")
        page.goto("/finance/approvals/2026-11/1")
        page.get_by_role("button", name="Ký duyệt").click()
        expect(page.locator(".heading .state").first).to_have_text("Đã duyệt")
        if scripts:
            check(page)
