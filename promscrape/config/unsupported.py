"""Keys that Prometheus has and this version does not implement.

They are refused by name, never ignored: a configuration that loads is one that is obeyed.
"""

ROOT_KEYS = frozenset({"scrape_config_files", "remote_write", "storage", "tracing", "otlp"})

HTTP_CLIENT_KEYS = frozenset(
    {
        "basic_auth",
        "authorization",
        "oauth2",
        "bearer_token",
        "bearer_token_file",
        "tls_config",
        "proxy_url",
        "no_proxy",
        "proxy_from_environment",
        "proxy_connect_header",
        "http_headers",
    }
)

_DISCOVERY_NAMES = """
    aws azure consul digitalocean dns docker dockerswarm ec2 ecs elasticache eureka file gce hetzner
    http ionos kubernetes kuma lightsail linode marathon msk nerve nomad oci openstack outscale
    ovhcloud puppetdb rds scaleway serverset stackit triton uyuni vultr
"""
DISCOVERY_KEYS = frozenset(f"{name}_sd_configs" for name in _DISCOVERY_NAMES.split())

JOB_KEYS = HTTP_CLIENT_KEYS | DISCOVERY_KEYS
