from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from promscrape.storage.wal.metrics import WalMetrics


def test_the_names_are_prometheus_agents() -> None:
    """Storage 3.10: dashboards and alerts for an agent keep working."""
    registry = CollectorRegistry()
    WalMetrics(registry)
    text = generate_latest(registry).decode()
    found = {family.name: family.type for family in text_string_to_metric_families(text)}
    counters = {
        "prometheus_agent_checkpoint_creations",
        "prometheus_agent_checkpoint_creations_failed",
        "prometheus_agent_checkpoint_deletions",
        "prometheus_agent_checkpoint_deletions_failed",
        "prometheus_agent_corruptions",
        "prometheus_agent_exemplars_appended",
        "prometheus_agent_out_of_order_samples",
        "prometheus_agent_samples_appended",
        "prometheus_tsdb_wal_completed_pages",
        "prometheus_tsdb_wal_page_flushes",
        "prometheus_tsdb_wal_record_bytes_saved",
        "prometheus_tsdb_wal_record_part_writes",
        "prometheus_tsdb_wal_record_parts_bytes_written",
        "prometheus_tsdb_wal_truncations",
        "prometheus_tsdb_wal_truncations_failed",
        "prometheus_tsdb_wal_writes_failed",
        "promscrape_agent_exemplars_refused",
        "promscrape_agent_replay_unknown_series_samples",
        "promscrape_agent_series_forgotten",
    }
    gauges = {
        "prometheus_agent_active_series",
        "prometheus_agent_clean_start",
        "prometheus_agent_data_replay_duration_seconds",
        "prometheus_agent_deleted_series",
        "prometheus_tsdb_wal_segment_current",
        "prometheus_tsdb_wal_storage_size_bytes",
    }
    summaries = {
        "prometheus_agent_truncate_duration_seconds",
        "prometheus_tsdb_wal_fsync_duration_seconds",
    }
    assert found == (
        dict.fromkeys(counters, "counter")
        | dict.fromkeys(gauges, "gauge")
        | dict.fromkeys(summaries, "summary")
    )


def test_numbers_that_were_moved_are_collected() -> None:
    """Labels have a sample for each of their values from the start."""
    registry = CollectorRegistry()
    metrics = WalMetrics(registry)
    metrics.floats_appended.value += 507
    metrics.record_bytes_saved["zstd"].value += 7
    metrics.active_series.value = 3
    lines = generate_latest(registry).decode().splitlines()
    assert 'prometheus_agent_samples_appended_total{type="float"} 507.0' in lines
    assert 'prometheus_agent_samples_appended_total{type="histogram"} 0.0' in lines
    assert 'prometheus_tsdb_wal_record_bytes_saved_total{compression="zstd"} 7.0' in lines
    assert "prometheus_agent_active_series 3.0" in lines
