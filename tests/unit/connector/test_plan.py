"""What a change of a connector's configuration means before it is made."""

import pytest

from connector.plan import Action, Cost, plan_connector, redact, redact_text

LIVE = {
    "connector.class": "yibao.connect.WholeTransactionPostgresConnector",
    "topic.prefix": "his",
    "slot.name": "yibao",
    "database.dbname": "hisdb",
    "database.password": "${directory:/secrets:his}",
    "table.include.list": r"his\.visit,his\.fee",
    "column.include.list": r"his\.visit\.a,his\.fee\.b",
    "transforms.partition1.partition.topic.num": "12",
    "poll.interval.ms": "100",
}


def planned(live=LIVE, **desired):
    wanted = {**LIVE, **desired}
    return plan_connector("capture-his", source="his", desired={k: v for k, v in wanted.items() if v is not None}, live=live)


def test_the_same_configuration_is_no_change_although_connect_adds_the_name():
    """A second apply must not restart a running capture."""
    assert Action.UNCHANGED is planned(live={**LIVE, "name": "capture-his"}).action


def test_a_missing_connector_is_created():
    """A first start reads every row, which a person should know before it is done at noon."""
    plan = planned(live=None)
    assert Action.CREATE is plan.action
    assert "every row" in plan.consequences[0].what


def test_each_difference_is_named_with_both_sides():
    """Removed options count: Connect replaces a configuration whole."""
    plan = planned(live={**LIVE, "old.option": "1"}, **{"poll.interval.ms": "200", "new.option": "2"})
    assert [(change.key, change.live, change.desired) for change in plan.changes] == [
        ("new.option", None, "2"),
        ("old.option", "1", None),
        ("poll.interval.ms", "100", "200"),
    ]
    assert not plan.loses


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("topic.prefix", "his2"),
        ("slot.name", "other"),
        ("database.dbname", "other"),
        ("transforms.partition1.partition.topic.num", "24"),
    ],
)
def test_what_loses_a_position_or_an_order_is_said(key, value):
    """These look like any other option and silently lose rows."""
    plan = planned(**{key: value})
    assert plan.loses
    assert key in plan.consequences[0].what


def test_added_tables_and_columns_need_a_snapshot_and_lose_nothing():
    """A table added later starts with its next change; its existing rows are silently absent."""
    plan = planned(**{"table.include.list": r"his\.visit,his\.fee,his\.drug", "column.include.list": r"his\.visit\.a"})
    assert not plan.loses
    assert [(told.cost, name in told.what) for told, name in zip(plan.consequences, ("his.drug", "his.fee.b"), strict=True)] == [
        (Cost.RESNAPSHOT, True),
        (Cost.NOTE, True),
    ]


def test_tables_that_must_be_read_again_are_known_by_name():
    """Told once, it is forgotten; also a table that was captured before, and left out for a while."""
    plan = planned(**{"table.include.list": r"his\.visit,his\.drug", "column.include.list": r"his\.visit\.a,his\.fee\.c"})
    assert ("his.drug", "his.fee") == plan.read_again
    assert () == planned().read_again


def test_a_password_that_somebody_put_there_by_hand_is_not_shown():
    """A plan is pasted into tickets."""
    plan = planned(live={**LIVE, "database.password": "hunter2"})
    (change,) = plan.changes
    assert (change.live, change.desired) == ("***", "${directory:/secrets:his}")


@pytest.mark.parametrize(
    "key", ["database.password", "producer.override.sasl.jaas.config", "ssl.keystore.password", "client.secret"]
)
def test_secrets_are_redacted_by_their_options_name(key):
    """Whatever a site adds later is covered by the name alone."""
    assert redact(key, "hunter2") == "***"
    assert redact("database.user", "x") == "x"
    assert redact(key, None) is None


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        'FATAL: "password": "hunter2", more',
        "jdbc:postgresql://h/d?user=a&password=hunter2&x=1",
        "Token: hunter2",
    ],
)
def test_secrets_in_free_text_are_redacted(text):
    """Drivers put whole connection strings into their errors."""
    assert "hunter2" not in redact_text(text)
