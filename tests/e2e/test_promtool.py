"""Debian's promtool, of Prometheus 2.42, as the second opinion on every conformance case.

The cases are those of the version that promscrape follows, which is newer. Where 2.42 does not
know what a case is about the table says since when Prometheus does.
"""

from pathlib import Path

import msgspec
import pytest

from tests.support.command import run_command
from tests.support.promtool import verdicts

CASES = Path(__file__).parents[1] / "conformance" / "config"

LEFT_OUT = "Debian builds Prometheus without it"
LATER = "after 2.42"
GLOBAL = "in `global` since 2.45"

# Keys that 2.42 does not know, and the version that brought them.
NEWER_KEYS = {
    "always_scrape_classic_histograms": "3.0",
    "aws_sd_configs": "3.8",
    "azuread": LATER,
    "body_size_limit": GLOBAL,
    "ca_ref": LATER,
    "cert_ref": LATER,
    "chunk_encoding": "3.13",
    "claims": "3.8",
    "client_certificate_key_file": "3.8",
    "consul_sd_configs": LEFT_OUT,
    "convert_classic_histograms_to_nhcb": "3.0",
    "credentials_ref": LATER,
    "ecs_sd_configs": "3.8",
    "elasticache_sd_configs": "3.11",
    "enable_compression": "2.49",
    "external_id": "3.12",
    "exec_sd_configs": "promscrape's own",
    "extra_scrape_metrics": "3",
    "failed_request_logging": LATER,
    "fallback_scrape_protocol": "3.0",
    "google_iam": LATER,
    "grant_type": "3.8",
    "http_headers": "2.55",
    "keep_dropped_targets": "2.47",
    "key_ref": LATER,
    "kubernetes_sd_configs": LEFT_OUT,
    "kuma_sd_configs": LEFT_OUT,
    "label_limit": GLOBAL,
    "label_name_length_limit": GLOBAL,
    "label_selector": "in hetzner since 3.5",
    "label_value_length_limit": GLOBAL,
    "linode_sd_configs": LEFT_OUT,
    "match_first_network": "2.54",
    "metric_name_escaping_scheme": "3",
    "metric_name_validation_scheme": "3",
    "msk_sd_configs": "3.10",
    "native_histogram_bucket_limit": "2.45",
    "native_histogram_min_bucket_factor": "2.50",
    "no_proxy": "2.43",
    "nomad_sd_configs": LEFT_OUT,
    "oci_sd_configs": "3.14",
    "otlp": LATER,
    "outscale_sd_configs": "3.12",
    "password_ref": LATER,
    "protobuf_message": LATER,
    "proxy_from_environment": "2.43",
    "rds_sd_configs": "3.11",
    "retention": LATER,
    "role": "in digitalocean since 3.12",
    "round_robin_dns": LATER,
    "rule_query_offset": "2.53",
    "runtime": "2.53",
    "sample_age_limit": "2.50",
    "sample_limit": GLOBAL,
    "scrape_config_files": "2.43",
    "scrape_native_histograms": "3.8",
    "scrape_protocols": "2.49",
    "service_name": LATER,
    "signature_algorithm": "3.8",
    "stackit_sd_configs": "3.5",
    "stale_series_compaction_threshold": "3.10",
    "target_limit": GLOBAL,
    "track_timestamps_staleness": "2.48",
    "use_fips_sts_endpoint": LATER,
    "username_ref": LATER,
}

UNCHECKED_CLIENT = "2.42 does not check the HTTP client of this kind of discovery"
UNCHECKED_QUEUE = "the queue is checked since 3.12"
UNCHECKED_INTERVAL = "2.42 does not check the interval, which must be positive"

# Cases whose rule is newer than 2.42, and what it is.
NEWER_RULES = {
    "azure_bearertoken_basicauth.bad": UNCHECKED_CLIENT,
    "config 17.27": "labels may have names of any characters since 3.0",
    "config 17.43": UNCHECKED_QUEUE,
    "config 17.44": UNCHECKED_QUEUE,
    "ec2 with the defaults": "the region is asked of the machine since 3",
    "ec2_token_file.bad": UNCHECKED_CLIENT,
    "http with a null interval": UNCHECKED_INTERVAL,
    "http without an interval": UNCHECKED_INTERVAL,
    "http_token_file.bad": UNCHECKED_CLIENT,
    "lightsail_token_file.bad": UNCHECKED_CLIENT,
    "openstack with a client certificate without its key": UNCHECKED_CLIENT,
    "openstack with the defaults": "load balancers are discovered since 3.2",
    "puppetdb_token_file.bad": UNCHECKED_CLIENT,
    "remote_write_queue_capacity_zero.bad": UNCHECKED_QUEUE,
    "remote_write_queue_max_backoff_less_than_min.bad": UNCHECKED_QUEUE,
    "remote_write_queue_max_samples_per_send_zero.bad": UNCHECKED_QUEUE,
    "remote_write_queue_max_shards_zero.bad": UNCHECKED_QUEUE,
    "remote_write_queue_min_shards_greater_than_max.bad": UNCHECKED_QUEUE,
    "remote_write_queue_min_shards_zero.bad": UNCHECKED_QUEUE,
    "uyuni_token_file.bad": UNCHECKED_CLIENT,
}


class Case(msgspec.Struct, frozen=True):
    """What the tables of cases have in common: a file, files, or an entry of a job."""

    id: str
    input: str = ""
    files: dict[str, str] = {}
    kind: str = ""
    entry: str = ""

    def write(self, home: Path) -> Path:
        """Write the files below `home` and return the main one."""
        for name, text in (self.files or {"c.yml": self.text}).items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return home / "c.yml"

    @property
    def text(self) -> str:
        if not self.kind:
            return self.input
        entry = self.entry.rstrip("\n").replace("\n", "\n    ")
        return f"scrape_configs:\n- job_name: a\n  {self.kind}_sd_configs:\n  - {entry}\n"


def all_cases() -> list[Case]:
    tables = sorted(CASES.glob("*.yaml"))
    return [
        case
        for table in tables
        for case in msgspec.yaml.decode(table.read_bytes(), type=list[Case])
    ]


def test_promtool_agrees_on_every_case_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Service 9.1, config 16, 17: on whether the file is in order; each exception has its reason."""
    monkeypatch.setenv("TEST", "value")
    cases = all_cases()
    paths = [case.write(tmp_path / str(index)) for index, case in enumerate(cases)]
    disagreed: list[str] = []
    too_new: set[str] = set()
    for case, verdict in zip(cases, verdicts(paths), strict=True):
        ours = run_command("check", "config", str(verdict.path))
        if (ours.code == 0) == verdict.ok:
            continue
        if verdict.unknown_keys and verdict.unknown_keys <= NEWER_KEYS.keys():
            too_new |= verdict.unknown_keys
        elif case.id in NEWER_RULES:
            too_new.add(case.id)
        else:
            disagreed.append(f"{case.id}\n  ours: {ours.err}\n  theirs: {verdict.error}")
    assert not disagreed, "\n".join(disagreed)
    assert too_new >= NEWER_RULES.keys()
    assert NEWER_KEYS.keys() - too_new == set()
