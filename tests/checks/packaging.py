"""Checks the container files and the settings in them."""

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
    """Returns the settings of the `ENV BROADSHEET_…=…` lines."""
    return dict(re.findall(r"^ENV (BROADSHEET_\w+)=(\S+)$", DOCKERFILE, re.MULTILINE))


def check_settings(settings):
    """Runs `broadsheet config check` with these environment variables in an empty folder."""
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
    def test_services_are_app_database_and_mail(self):
        self.assertEqual({"app", "database", "mail"}, set(COMPOSE["services"]))
        for name, service in COMPOSE["services"].items():
            self.assertTrue({"image", "build"} & service.keys(), name)

    def test_referenced_services_and_volumes_exist(self):
        for name, service in COMPOSE["services"].items():
            for other in service.get("depends_on", []):
                self.assertIn(other, COMPOSE["services"], name)
            network = service.get("network_mode", "")
            if network.startswith("service:"):
                self.assertIn(network.removeprefix("service:"), COMPOSE["services"], name)
                self.assertNotIn("ports", service, f"{name}: the service with the network must publish the ports")
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], COMPOSE["volumes"], name)

    def test_database_url_matches_database_service(self):
        url = COMPOSE["services"]["app"]["environment"]["BROADSHEET_DATABASE__URL"]
        database = COMPOSE["services"]["database"]["environment"]
        self.assertEqual(
            f"postgres://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}"
            f"@database:5432/{database['POSTGRES_DB']}",
            url,
        )

    def test_secret_key_is_in_volume(self):
        targets = [v.split(":")[1] for v in COMPOSE["services"]["app"]["volumes"]]
        self.assertEqual(["/data"], targets)
        self.assertIn("VOLUME /data", DOCKERFILE)

    def test_settings_are_valid(self):
        app = COMPOSE["services"]["app"]["environment"]
        checked = check_settings({**dockerfile_settings(), **app})
        self.assertEqual(0, checked.returncode, checked.stderr)


class Image(unittest.TestCase):
    def test_settings_are_valid(self):
        settings = dockerfile_settings()
        self.assertEqual("0.0.0.0:8080", settings["BROADSHEET_SERVER__LISTEN"])
        checked = check_settings(settings)
        self.assertEqual(0, checked.returncode, checked.stderr)

    def test_unknown_setting_is_rejected(self):
        checked = check_settings({"BROADSHEET_SERVER__LISTENS": "0.0.0.0:8080"})
        self.assertEqual(2, checked.returncode, checked.stderr)

    def test_build_and_runtime_have_same_debian(self):
        """A binary that is linked against a newer glibc does not start on an older one."""
        bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
        self.assertEqual(2, len(bases))
        for base in bases:
            self.assertIn("bookworm", base)

    def test_user_is_not_root(self):
        self.assertRegex(DOCKERFILE, r"(?m)^USER (?!root|0\b)\S+$")

    def test_toolchain_is_rust_version_of_package(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^rust-version = "([\d.]+)"', manifest, re.MULTILINE)[1]
        self.assertIn(f"FROM rust:{version}-", DOCKERFILE)


if __name__ == "__main__":
    unittest.main()
