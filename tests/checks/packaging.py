"""The files for containers are valid, and the program understands the settings in them."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("TESTED_PROGRAM", ROOT / "target/debug/broadsheet")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def dockerfile_settings():
    """The `ENV BROADSHEET_…=…` lines."""
    return dict(re.findall(r"^ENV (BROADSHEET_\w+)=(\S+)$", DOCKERFILE, re.MULTILINE))


def check_settings(settings):
    """What `broadsheet config check` makes of an environment, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [PROGRAM, "config", "check"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )


class Compose(unittest.TestCase):
    def test_names_an_app_a_database_and_a_mail_catcher(self):
        self.assertEqual({"app", "database", "mail"}, set(COMPOSE["services"]))
        for name, service in COMPOSE["services"].items():
            self.assertTrue({"image", "build"} & service.keys(), name)

    def test_what_it_refers_to_is_there(self):
        for name, service in COMPOSE["services"].items():
            for other in service.get("depends_on", []):
                self.assertIn(other, COMPOSE["services"], name)
            network = service.get("network_mode", "")
            if network.startswith("service:"):
                self.assertIn(network.removeprefix("service:"), COMPOSE["services"], name)
                self.assertNotIn("ports", service, f"{name}: its host publishes the ports")
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], COMPOSE["volumes"], name)

    def test_the_database_is_the_one_the_app_is_told_of(self):
        url = COMPOSE["services"]["app"]["environment"]["BROADSHEET_DATABASE__URL"]
        of = COMPOSE["services"]["database"]["environment"]
        self.assertEqual(
            f"postgres://{of['POSTGRES_USER']}:{of['POSTGRES_PASSWORD']}"
            f"@database:5432/{of['POSTGRES_DB']}",
            url,
        )

    def test_the_app_keeps_its_key_in_the_volume(self):
        targets = [v.split(":")[1] for v in COMPOSE["services"]["app"]["volumes"]]
        self.assertEqual(["/data"], targets)
        self.assertIn("VOLUME /data", DOCKERFILE)

    def test_the_program_understands_its_settings(self):
        app = COMPOSE["services"]["app"]["environment"]
        checked = check_settings({**dockerfile_settings(), **app})
        self.assertEqual(0, checked.returncode, checked.stderr)


class Image(unittest.TestCase):
    def test_the_program_understands_its_settings(self):
        settings = dockerfile_settings()
        self.assertEqual("0.0.0.0:8080", settings["BROADSHEET_SERVER__LISTEN"])
        checked = check_settings(settings)
        self.assertEqual(0, checked.returncode, checked.stderr)

    def test_a_misspelt_setting_would_be_noticed(self):
        checked = check_settings({"BROADSHEET_SERVER__LISTENS": "0.0.0.0:8080"})
        self.assertEqual(2, checked.returncode, checked.stderr)

    def test_it_is_built_on_the_debian_it_runs_on(self):
        """A binary linked against a newer glibc does not start on an older one."""
        bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
        self.assertEqual(2, len(bases))
        for base in bases:
            self.assertIn("bookworm", base)

    def test_it_does_not_run_as_root(self):
        self.assertRegex(DOCKERFILE, r"(?m)^USER (?!root|0\b)\S+$")

    def test_the_toolchain_is_the_one_the_package_asks_for(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^rust-version = "([\d.]+)"', manifest, re.MULTILINE)[1]
        self.assertIn(f"FROM rust:{version}-", DOCKERFILE)


if __name__ == "__main__":
    unittest.main()
