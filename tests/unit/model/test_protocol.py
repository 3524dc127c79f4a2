from promscrape.model.protocol import PROTO_FIRST_PROTOCOLS, TEXT_PROTOCOLS, ScrapeProtocol


def test_protocols_are_listed_in_ascending_order() -> None:
    """Config 5.4: error texts name the supported ones in that order."""
    assert list(ScrapeProtocol) == sorted(ScrapeProtocol)


def test_the_default_lists_begin_with_what_says_most() -> None:
    """H4, config 5.2: OpenMetrics before Prometheus's text, protobuf first where it is asked for."""
    assert [str(protocol) for protocol in TEXT_PROTOCOLS] == [
        "OpenMetricsText1.0.0",
        "OpenMetricsText0.0.1",
        "PrometheusText1.0.0",
        "PrometheusText0.0.4",
    ]
    assert PROTO_FIRST_PROTOCOLS[0] == "PrometheusProto"
    assert PROTO_FIRST_PROTOCOLS[1:] == TEXT_PROTOCOLS
