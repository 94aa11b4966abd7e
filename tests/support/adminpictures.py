"""Takes the pictures of the admin's pages: part of ``make pictures``, over a store with weeks behind it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from playwright.async_api import async_playwright

from newsletter.mail.chromium import find_chromium
from newsletter.service.collect import collect
from newsletter.web.admin.desk import AdminDesk
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.web.server import serve
from newsletter.wiring.application import open_application
from newsletter.wiring.parts import build_parts
from tests.support.adminsite import PASSWORD, USER, make_admin_configuration, make_history, no_figures
from tests.support.pictures import ARGUMENTS, Picture

OVERVIEW = Picture("admin-light", 1200, 860, scale=1)
SOURCES = Picture("admin-phone", 390, 780, "dark")
PEOPLE = 240


async def main() -> None:
    """Take them all."""
    program = find_chromium()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "config"
        make_admin_configuration(directory)
        make_history(directory, PEOPLE)
        application = await stack.enter_async_context(open_application(directory))
        parts = build_parts(application)
        stack.push_async_callback(parts.aclose)
        await collect(application.store, parts.sources, application.now)
        probes = Probes(lambda: {"ok": True}, list, application.store.check_schema, no_figures)
        desk = AdminDesk(application, lambda: {"ok": True, "last_run_at": str(application.now())})
        app = create_app(
            application.store, application.links, "The Morning Preprint", application.now, None, probes, admin=desk
        )
        address = f"http://127.0.0.1:{await serve(app, '127.0.0.1', 0, stack)}"
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for picture, path in ((OVERVIEW, "/admin"), (SOURCES, "/admin/sources")):
            context = await browser.new_context(
                viewport={"width": picture.width, "height": picture.height},
                color_scheme=picture.scheme,
                device_scale_factor=picture.scale,
            )
            page = await context.new_page()
            await page.goto(address + path)
            await page.get_by_label("Name").fill(USER)
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Log in").click()
            await page.wait_for_url(address + path)
            await page.screenshot(path=picture.path)
            await context.close()
            sys.stdout.write(f"{picture.path} {picture.path.stat().st_size // 1000} kB\n")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
