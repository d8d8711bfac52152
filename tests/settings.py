"""Settings of the lanes and the gateway with everything that a test does not care about filled in. The product has no such
defaults: what a site can set has its default in the site's models alone.
"""

from connector.render import ConnectSettings
from streams.deliver.breaker import BreakerSettings
from streams.deliver.gateway import GatewaySettings
from streams.deliver.limits import LimitSettings
from streams.lanes.settings import BrokerSettings, DeliverSettings, FloodGuard, JoinSettings, LaneSettings
from streams.topics.shapes import TopicSettings


def lane_settings(**chosen):
    return LaneSettings(**{"linger_s": 0.4, "idle_linger_s": 0.03, **chosen})


def join_settings(**chosen):
    return JoinSettings(**{"max_chunk": 1000, "tick_s": 10.0, **chosen})


def flood_guard(**chosen):
    return FloodGuard(**{"min_refused": 20, "ratio": 0.5, "in_a_row": 100, **chosen})


def deliver_settings(**chosen):
    filled = {
        "max_plan": 2000,
        "first_retry_s": 0.2,
        "max_retry_s": 60.0,
        "probe_s": 5.0,
        "max_probe_s": 120.0,
        "msgid_memory_s": 0.0,
        "repeats_refused": False,
        "first_repeated": False,
        "msgid_chars": 32,
        "flood_guard": flood_guard(),
    }
    return DeliverSettings(**{**filled, **chosen})


def broker_settings(bootstrap_servers, **chosen):
    return BrokerSettings(bootstrap_servers=bootstrap_servers, **{"compression": "lz4", **chosen})


def limit_settings(**chosen):
    return LimitSettings(**{"in_flight": 16, "in_flight_per_institution": 4, **chosen})


def breaker_settings(**chosen):
    return BreakerSettings(**{"failures": 5, "first_wait_s": 1.0, "longest_wait_s": 60.0, **chosen})


def gateway_settings(url, **chosen):
    filled = {"timeout_s": 30.0, "limits": limit_settings(), "breaker": breaker_settings()}
    return GatewaySettings(url=url, **{**filled, **chosen})


def connect_settings(bootstrap_servers, **chosen):
    return ConnectSettings(bootstrap_servers=bootstrap_servers, **{"heartbeat_interval_ms": 10_000, **chosen})


def topic_settings(**chosen):
    days = dict.fromkeys(("changes_days", "ready_days"), 14) | dict.fromkeys(("receipts_days", "dead_days", "control_days"), 400)
    return TopicSettings(**{"partitions": 12, "replication_factor": 3, **days, **chosen})
