"""The tables of the index. Nothing in it outlives its form: an index of another form is thrown away and made from the topic."""

from typing import Final

FORM: Final = 4
"""Rises with whatever changes about the tables or what is put into them."""

TABLES: Final = """
CREATE TABLE groups (
    id INTEGER PRIMARY KEY, dead_class TEXT NOT NULL, rule TEXT NOT NULL, field TEXT NOT NULL, cause TEXT NOT NULL,
    service TEXT NOT NULL, institution TEXT NOT NULL, owner TEXT NOT NULL, stage TEXT NOT NULL, source TEXT NOT NULL,
    row_table TEXT NOT NULL, code TEXT NOT NULL, mapping_version TEXT NOT NULL,
    attempts INTEGER NOT NULL, replays INTEGER NOT NULL, words TEXT NOT NULL,
    open INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0);
CREATE TABLE hours (
    grp INTEGER NOT NULL, hour INTEGER NOT NULL, told INTEGER NOT NULL, open INTEGER NOT NULL, closed INTEGER NOT NULL,
    PRIMARY KEY (grp, hour)) WITHOUT ROWID;
CREATE TABLE reasons (id INTEGER PRIMARY KEY, text TEXT NOT NULL, plain TEXT NOT NULL);
CREATE TABLE letters (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL, grp INTEGER NOT NULL, reason INTEGER NOT NULL,
    record_hash BLOB NOT NULL, record_key TEXT NOT NULL, row_key TEXT NOT NULL, visit_key TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL,
    partition INTEGER NOT NULL, offset INTEGER NOT NULL, form INTEGER NOT NULL, rest TEXT NOT NULL,
    closed INTEGER NOT NULL, said_at INTEGER NOT NULL, said_in INTEGER NOT NULL, said TEXT NOT NULL, told INTEGER NOT NULL);
CREATE TABLE history (
    id BLOB NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, at INTEGER NOT NULL, closed TEXT NOT NULL,
    who TEXT NOT NULL, why TEXT NOT NULL, evidence TEXT NOT NULL, PRIMARY KEY (id, partition, offset)) WITHOUT ROWID;
"""
"""`letters`: one row an id. `partition`, `offset`: of its latest message that tells of the failure. `rest`: what is only shown.
`closed`: ms, 0 while it is open. `said_at`, `said_in`: time and partition of the message that decided so; `said`: where several
partitions told of it, what each said last. `told`: 0 where all its messages are closings. `reasons.plain`: as far as it may be
searched, with an end (`streams.deadletter.index.texts`). `groups.words`: of the reasons, as far as they are the same but for keys
and amounts. `hours`: of a group and hour since 1970 how many letters failed first (`told`), and how many that are open or closed
failed last. `history`: of each letter what came after its first message.
"""

INDEX_OF_IDS: Final = "CREATE INDEX IF NOT EXISTS letters_by_id ON letters (id, closed, grp, last);"
"""Made before the others: whoever fills an empty index needs it first."""

INDEXES: Final = f"""
{INDEX_OF_IDS}
CREATE INDEX letters_by_group ON letters (grp, closed, first, last, id, reason);
CREATE INDEX letters_by_time ON letters (last, closed, grp, id, reason);
CREATE INDEX letters_by_reason ON letters (reason, grp, closed, first, last, id);
CREATE INDEX letters_by_record ON letters (record_hash);
CREATE INDEX letters_by_record_key ON letters (record_key) WHERE record_key <> '';
CREATE INDEX letters_by_row_key ON letters (row_key) WHERE row_key <> '';
CREATE INDEX letters_by_visit_key ON letters (visit_key) WHERE visit_key <> '';
CREATE VIRTUAL TABLE searched USING fts5(plain, content='reasons', content_rowid='id', tokenize='trigram', detail=none);
CREATE VIRTUAL TABLE trigrams USING fts5vocab(searched, row);
INSERT INTO searched (searched) VALUES ('rebuild');
CREATE TRIGGER reasons_searched AFTER INSERT ON reasons BEGIN
    INSERT INTO searched (rowid, plain) VALUES (new.id, new.plain);
END;
"""
"""Made when the topic is read for the first time: one by one they cost a third of what each row pays for them."""
