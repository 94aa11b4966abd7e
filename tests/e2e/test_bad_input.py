"""What people write wrong: each mistake gets a line that says where it is and what to do, and costs nothing."""

import signal
from pathlib import Path

import pytest

from tests.support.command_line import Answer
from tests.support.daemon import DaemonProcess, run_command
from tests.support.databases import migrated_file
from tests.support.deployment import READERS, Deployment, beside, feed_of, make_deployment
from tests.support.feed_server import Reply, running_feed_server, zipped
from tests.support.smtp_server import SmtpServer

__all__ = ["migrated_file"]

GOOD = "title: Good\nkeywords: [robot]\n"
MAIL = "mail: {sender: digest@example.org}\n"
HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please sign in.</p></body></html>"
MEGABYTES = 60


@pytest.fixture
def deployment(tmp_path: Path, migrated_file: Path) -> Deployment:
    return make_deployment(tmp_path, migrated_file)


def refused(answer: Answer, code: int, *said: str) -> None:
    """Make sure that a command ended in this code and said these things in one line."""
    everything = answer.out + answer.err
    assert answer.code == code, everything
    assert "Traceback" not in everything
    assert any(all(part in line for part in said) for line in everything.splitlines()), everything


FILES = [
    ("newsletter.yaml", "mail: {sender: a@example.org\nsources: {}\n", "newsletter.yaml:2:", ""),
    ("newsletter.yaml", MAIL + "\tweb: 1\n", "newsletter.yaml:2:1: ", "tab"),
    ("newsletter.yaml", MAIL + "wbe: {port: 0}\n", "newsletter.yaml:2:1: unknown key “wbe”", "did you mean “web”?"),
    ("newsletter.yaml", MAIL + "web:\n  prot: 0\n", "newsletter.yaml:3:3: unknown key “prot”", "did you mean “port”?"),
    (
        "newsletter.yaml",
        MAIL + "defaults: {zone: Europe/Berln}\n",
        "newsletter.yaml:2:18: ",
        "“Europe/Berln” is not a time zone — did you mean “Europe/Berlin”?",
    ),
    (
        "newsletter.yaml",
        "mail: {sender: a@example.org, catcher: {enabled: true}}\nweb: {public_url: https://example.org}\n",
        "newsletter.yaml:2:19: ",
        "everybody who reaches the pages could read all mails",
    ),
    ("profiles/new.yaml", "keywrods: [robot]\n", "new.yaml:1:1: unknown key “keywrods”", "did you mean “keywords”?"),
    (
        "profiles/new.yaml",
        GOOD + "subscribers:\n  - {address: eve@example.org, profiles: [robots]}\n",
        "new.yaml:4:32: unknown key “profiles”",
        "",
    ),
    ("profiles/new.yaml", GOOD + "subscribers: [eve@]\n", "new.yaml:3:15: ", "eve@"),
    (
        "profiles/new.yaml",
        GOOD + "subscribers:\n  - {address: eve@example.org, zone: Mars/Olympus}\n",
        "new.yaml:4:38: ",
        "“Mars/Olympus” is not a time zone",
    ),
    ("profiles/new.yaml", "query: 'ti:robot AND (cat:cs.RO'\n", "new.yaml:1:22: ", ""),
    ("profiles/new.yaml", "query: |\n  ti:robot\n  AND xx:cs.RO\n", "new.yaml:3:7: ", "xx"),
    ("profiles/new.yaml", "topics:\n  - name: A\n    query: robot AND\n", "new.yaml:3:", ""),
    ("profiles/new.yaml", GOOD + "sources: [sampels]\n", "new.yaml:3:11: ", "did you mean “samples”?"),
    ("profiles/new.yaml", "[never closed\n", "new.yaml:", ""),
]


class TestConfiguration:
    @pytest.mark.parametrize(("file", "text", "place", "said"), FILES)
    def test_each_mistake_has_its_line(
        self, deployment: Deployment, file: str, text: str, place: str, said: str
    ) -> None:
        deployment.done("collect")
        held = deployment.contents()
        path = deployment.directory / file
        before = path.read_text() if path.exists() else None
        path.write_text(text)
        for command in ("check", "send", "run"):
            refused(deployment.newsletter(command), 2, place, said)
        assert deployment.contents() == held
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
        assert "2 digests planned" in deployment.done("issue").out

    @pytest.mark.parametrize("how", ["directory", "no UTF-8"])
    def test_a_file_that_cannot_be_read(self, deployment: Deployment, how: str) -> None:
        path = deployment.directory / "profiles" / "new.yaml"
        if how == "directory":
            path.mkdir()
        else:
            path.write_bytes(b"title: caf\xe9\n")
        refused(deployment.newsletter("check"), 2, "new.yaml")

    def test_no_configuration_at_all(self, tmp_path: Path) -> None:
        nowhere = tmp_path / "nowhere"
        done = run_command(nowhere, "send")
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert (
            line == f"newsletter: {nowhere}: there is no such configuration directory — run: newsletter init {nowhere}"
        )
        assert not nowhere.exists()

    def test_a_running_daemon_keeps_to_the_last_good_one(self, deployment: Deployment) -> None:
        good = deployment.profile.read_text()
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            with DaemonProcess(deployment.directory) as daemon:
                daemon.wait_for("deliver.done", 20)
                deployment.profile.write_text(good.replace("keywords", "keywrods"))
                daemon.signal(signal.SIGHUP)
                daemon.wait_for(r"diffusion\.yaml:2:1: unknown key “keywrods”|diffusion\.yaml:2:1: unknown key", 20)
                daemon.wait_for("last_good_in_force", 20)
                deployment.profile.write_text(good + "  - eve@example.org\n")
                daemon.signal(signal.SIGHUP)
                daemon.wait_for("configuration.reloaded", 20)
                assert daemon.stop() == 0
                assert "Traceback" not in daemon.said()
            deployment.done("send")
            assert sorted(mail.recipient for mail in server.received) == sorted((*READERS, "eve@example.org"))

    def test_a_profile_whose_file_is_gone(self, deployment: Deployment) -> None:
        deployment.done("subscribers", "add", "zoe@example.org", "--profile", "diffusion")
        moved = deployment.folder / "diffusion.yaml"
        deployment.profile.rename(moved)
        expected = "1 subscriber takes the profile “diffusion”, which is not there: put its file back into profiles/"
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port)
            answer = deployment.done("send")
            assert expected in answer.err
            assert expected in deployment.done("status").err
            moved.rename(deployment.profile)
            assert expected not in deployment.done("status").err
            deployment.done("send")
            assert sorted(mail.recipient for mail in server.received) == sorted((*READERS, "zoe@example.org"))[:2]


TEMPLATES = [
    (
        "digest.mjml",
        b"<mjml><mj-body><mj-txet>Hello</mj-txet></mj-body></mjml>",
        ("digest.mjml:1", "mj-txet", "mj-text"),
    ),
    ("digest.mjml", b"<mjml><mj-body>{{ nmae }}</mj-body></mjml>", ("digest.mjml:1", "nmae", "name")),
    ("digest.txt", b"Hello\n{{ nmae }} {{ unsubscribe_url }}\n", ("digest.txt:2", "nmae", "name")),
    (
        "digest.mjml",
        b"<mjml>\n<mj-body>\xff</mj-body></mjml>",
        ("digest.mjml:2", "not UTF-8", "save the file as UTF-8"),
    ),
    ("digest.mjml", None, ("digest.mjml", "cannot be read", "make it a file")),
    ("welcome.txt", None, ("welcome.txt", "cannot be read", "make it a file")),
]


class TestTemplates:
    @pytest.mark.parametrize(("file", "content", "said"), TEMPLATES)
    def test_each_mistake_has_its_line_and_the_mails_wait(
        self, deployment: Deployment, file: str, content: bytes | None, said: tuple[str, ...]
    ) -> None:
        file = file if content is None and file.startswith("welcome") else file.replace("digest", "welcome")
        said = (said[0].replace("digest", "welcome"), *said[1:])
        path = deployment.directory / "templates" / file
        path.parent.mkdir()
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port, settings="templates_directory: templates")
            if content is None:
                path.mkdir()
            else:
                path.write_bytes(content)
            refused(deployment.newsletter("check"), 2, *said)
            answer = deployment.newsletter("send")
            assert "Traceback" not in answer.err
            assert all(part in answer.err for part in said)
            assert set(deployment.states()) <= {"planned", "deferred"}
            assert server.received == []
            if content is None:
                path.rmdir()
            else:
                path.unlink()
            deployment.deliver_until_accepted()
            assert sorted(mail.recipient for mail in server.received) == sorted(READERS)

    def test_a_running_daemon_keeps_to_the_last_good_one(self, deployment: Deployment) -> None:
        path = deployment.directory / "templates" / "welcome.txt"
        path.parent.mkdir()
        good = "Good morning {{ name }}. {{ unsubscribe_url }}\n"
        path.write_text(good)
        with beside(SmtpServer()) as server:
            deployment.write(relay_port=server.port, settings="templates_directory: templates")
            with DaemonProcess(deployment.directory) as daemon:
                daemon.wait_for("deliver.done", 20)
                path.write_text("Good evening {{ nmae }}\n")
                deployment.done("subscribers", "add", "zoe@example.org", "--profile", "diffusion")
                daemon.signal(signal.SIGHUP)
                daemon.wait_for("the last good one.*template.broken|template.broken.*the last good one", 20)
                daemon.wait_for("(?s)deliver.done.*deliver.done", 20)
                assert daemon.stop() == 0
                assert "Traceback" not in daemon.said()
            assert [b"Good morning" in mail.content for mail in server.received] == [True] * 3


class TestFeeds:
    @pytest.mark.parametrize(
        ("text", "said"),
        [(HTML, "web page"), ("", "empty"), ("%PDF-1.7 \x00\x01", ""), ("{", "")],
    )
    def test_what_is_no_feed(self, deployment: Deployment, text: str, said: str) -> None:
        deployment.done("collect")
        held = [deployment.contents()[table] for table in ("papers", "deliveries", "subscribers")]
        deployment.feed.write_text(text)
        answer = deployment.newsletter("collect")
        refused(answer, 1, "samples", "broken", str(deployment.feed), said)
        assert [deployment.contents()[table] for table in ("papers", "deliveries", "subscribers")] == held
        deployment.feed.write_text(feed_of("A diffusion model that is new"))
        assert "fresh\t1" in deployment.done("collect").out

    def test_what_is_far_too_large(self, deployment: Deployment) -> None:
        with deployment.feed.open("wb") as stream:
            stream.truncate(MEGABYTES * 10**6)
        refused(deployment.newsletter("collect"), 1, "the file is 60 MB, larger than 21 MB; nothing of it was read")
        deployment.feed.write_text(feed_of("A diffusion model", "Another diffusion model"))
        with beside(SmtpServer()) as relay, beside(running_feed_server()) as server:
            body = feed_of("A diffusion model").encode() + b" " * MEGABYTES * 10**6
            urls = {
                "plain": server.play("/plain", Reply(body=body)),
                "undeclared": server.play("/undeclared", Reply(body=body, length=10**9)),
                "zipped": server.play("/zipped", zipped(body + b" " * 30 * 10**6)),
                "good": server.play("/good", Reply(body=feed_of("A diffusion model that is new").encode())),
            }
            sources = "".join(f"  {name}:\n    kind: feed\n    url: {url}\n" for name, url in urls.items())
            deployment.write(
                relay_port=relay.port, sources=sources, settings="collect:\n  allow_private_addresses: true"
            )
            answer = deployment.done("collect")
            for name in ("plain", "zipped", "undeclared"):
                refused(answer, 0, f"{name}\tbroken", "larger than")
            assert "good\tfresh\t1" in answer.out
            deployment.done("send")
            assert len(relay.received) == len(READERS)


CSV = """\
address,zone,profiles
good@example.org,Europe/London,diffusion
not-an-address,UTC,diffusion
far@example.org,Mars/Olympus,diffusion
lost@example.org,UTC,difusion
"never closed,UTC,diffusion
fine@example.org,UTC,diffusion
"""


class TestCommands:
    def test_a_csv_file_with_bad_lines(self, deployment: Deployment, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text(CSV)
        for outcome in ("2 added", "2 unchanged"):
            answer = deployment.newsletter("subscribers", "import", str(file), "--yes")
            assert outcome in answer.out
            refused(answer, 2, f"{file}:3: ", "not-an-address")
            refused(answer, 2, f"{file}:4: ", "“Mars/Olympus” is not a time zone")
            refused(answer, 2, f"{file}:5: ", "difusion", "did you mean", "diffusion")
            refused(answer, 2, f"{file}:6: ", "quotation mark")
            people = deployment.rows("SELECT address_key FROM subscribers ORDER BY 1")
            assert people == [("fine@example.org",), ("good@example.org",)]

    def test_nobody_there_to_say_yes(self, deployment: Deployment, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text("address\nzoe@example.org\n")
        answer = deployment.newsletter("subscribers", "import", str(file))
        refused(answer, 1, "newsletter: nothing was changed: nobody was there to say yes (repeat it with --yes)")
        deployment.done("subscribers", "add", "zoe@example.org", "--profile", "diffusion")
        refused(deployment.newsletter("subscribers", "remove", "zoe@example.org"), 1, "repeat it with --yes")
        assert deployment.rows("SELECT address_key FROM subscribers") == [("zoe@example.org",)]

    @pytest.mark.parametrize(
        ("line", "code", "said"),
        [
            ("issue --at yesterday", 2, "--at: “yesterday” is no time — write it as 2026-11-24T07:00+01:00"),
            ("issue --at 0001-01-01T00:00+14:00", 2, "too far away — take a year from 1970"),
            ("issue --at 9999-12-31T23:00", 2, "too far away — take a year from 1970"),
            ("collect sampels", 4, "there is no source “sampels” (did you mean samples?)"),
            ("sources test sampels", 4, "there is no source “sampels” (did you mean samples?)"),
            ("preview difusion", 4, "there is no profile “difusion” (did you mean diffusion?)"),
            ("profiles show difusion", 4, "did you mean diffusion?"),
            ("profiles test difusion", 4, "did you mean diffusion?"),
            ("subscribers show adda@example.org", 4, "(did you mean ada@example.org?)"),
            ("subscribers pause adda@example.org", 4, "(did you mean ada@example.org?)"),
            ("subscribers add zoe@example.org --profile difusion", 2, "did you mean"),
            ("subscribers show ada@", 2, "ada@"),
            ("preview adda@example.org", 4, "(did you mean ada@example.org?)"),
            ("send-test nobody", 2, "nobody"),
            ("why nothing-of-the-kind diffusion", 4, "there is no paper “nothing-of-the-kind”"),
            ("deliveries show 4711", 4, "4711"),
            ("deliveries retry 4711 --yes", 4, "4711"),
            ("papers show 4711", 4, "4711"),
            ("subscribers import nowhere.csv", 2, "nowhere.csv"),
            ("subscribers export /dev/null/people.csv", 2, "/dev/null/people.csv"),
            ("preview diffusion --html /dev/null/digest.html", 1, "/dev/null/digest.html cannot be written"),
        ],
    )
    def test_names_and_times_that_are_not_there(self, deployment: Deployment, line: str, code: int, said: str) -> None:
        deployment.done("collect")
        deployment.done("issue")
        held = deployment.contents()
        refused(deployment.newsletter(*line.split()), code, said)
        assert deployment.contents() == held

    def test_through_the_real_program(self, deployment: Deployment) -> None:
        done = run_command(deployment.directory, "collect", "sampels")
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr == "newsletter: there is no source “sampels” (did you mean samples?)\n"
