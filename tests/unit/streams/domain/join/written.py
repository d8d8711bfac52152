"""Change events of databases that could not be recorded here, written from Debezium's documented envelopes.

SQL Server: the members of `source` and their forms are those of "Data change events" in the documentation of Debezium's connector
for SQL Server 3.6: `change_lsn` and `commit_lsn` as `00000027:00000ac0:0002`; `event_serial_no` 2 for an update, 1 and 2 for the
delete and the create of a changed key, which share both LSNs (there: "Descriptions of update event value fields"); a row that a
snapshot read has the LSN of the snapshot as `commit_lsn` and none of a change ("Default workflow … initial snapshot", step 7).
Oracle: those of "Data change events" in the documentation of its connector 3.6: `scn`, `commit_scn` as texts of digits, `txId`,
`rs_id` as `001234.00012345.0124`, `ssn`, `redo_thread`; the delete and the create of a changed key come of one record of the log; a
row that a snapshot read has an `scn` and no `commit_scn`.
Rows are those of the sample of three tables that PostgreSQL and MariaDB were recorded from.
"""

from itertools import pairwise

COLUMNS = {"jz": "jzlsh xm n", "js": "jsdh jzlsh je", "fy": "mxid jzlsh jsdh je bz"}
_EPOCH_MS = 1_796_117_400_000


class SqlServer:
    """A database that is written to, and what its capture sends of that."""

    def __init__(self):
        self.rows = {}
        self.sent = []
        self._commit = 0x100
        self._change = 0

    def _said(self, table, **more):
        ts_ms = _EPOCH_MS + self._commit
        said = {"version": "3.6.1.Final", "connector": "sqlserver", "name": "a", "ts_ms": ts_ms, "ts_us": 1000 * ts_ms}
        return {**said, "snapshot": "false", "db": "HIS", "schema": "his", "table": table, "change_lsn": None, **more}

    def _lsn(self, number):
        return f"00000027:{number:08x}:0002"

    def _send(self, op, table, before, after, *, serial):
        said = self._said(table, change_lsn=self._lsn(self._change), commit_lsn=self._lsn(self._commit), event_serial_no=serial)
        self.sent.append({"before": before, "after": after, "source": said, "op": op})

    def _where(self, table, row):
        return table, row[COLUMNS[table].split()[0]]

    def row(self, table, *values):
        return dict(zip(COLUMNS[table].split(), values, strict=True))

    def begin(self):
        """What follows until the next call is one transaction."""
        self._commit += 0x10

    def read(self):
        """A snapshot of all rows."""
        for (table, _), row in self.rows.items():
            said = self._said(table, snapshot="true", commit_lsn=self._lsn(self._commit), event_serial_no=None)
            self.sent.append({"before": None, "after": row, "source": said, "op": "r"})

    def insert(self, table, *values):
        self._change += 1
        row = self.row(table, *values)
        self.rows[self._where(table, row)] = row
        self._send("c", table, None, row, serial=1)

    def update(self, table, key, **values):
        """Also of the key: then a delete and a create at one place."""
        self._change += 1
        before = self.rows.pop((table, key))
        after = {**before, **values}
        self.rows[self._where(table, after)] = after
        if self._where(table, after)[1] == key:
            self._send("u", table, before, after, serial=2)
        else:
            self._send("d", table, before, None, serial=1)
            self._send("c", table, None, after, serial=2)

    def delete(self, table, key):
        self._change += 1
        self._send("d", table, self.rows.pop((table, key)), None, serial=1)

    def again(self, transactions):
        """Capture goes on at the start of one of the last transactions."""
        begins = [at for at, (one, next_) in enumerate(pairwise([None, *self.sent])) if self._begun(one) != self._begun(next_)]
        self.sent += [one for one in self.sent[begins[-transactions] :] if one["op"] != "r"]

    def _begun(self, message):
        return message and message["source"]["commit_lsn"]


class Oracle(SqlServer):
    """Likewise."""

    def _said(self, table, **more):
        ts_ms = _EPOCH_MS + self._commit
        said = {"version": "3.6.1.Final", "connector": "oracle", "name": "a", "ts_ms": ts_ms, "ts_us": 1000 * ts_ms}
        where = {"db": "ORCLPDB1", "schema": "his", "table": table, "txId": None, "redo_thread": 1}
        return {**said, **where, "snapshot": "false", "scn": f"{2_000_000 + self._change}", "commit_scn": None, **more}

    def _send(self, op, table, before, after, *, serial):
        del serial
        record = f"{0x1234:06x}.{self._change:08x}.0124"
        placed = {"commit_scn": f"{3_000_000 + self._commit}", "rs_id": record, "ssn": 1, "txId": f"{self._commit:016x}"}
        self.sent.append({"before": before, "after": after, "source": self._said(table, **placed), "op": op})

    def read(self):
        """A snapshot of all rows."""
        for (table, _), row in self.rows.items():
            said = self._said(table, snapshot="true", rs_id=None, ssn=0)
            self.sent.append({"before": None, "after": row, "source": said, "op": "r"})

    def _begun(self, message):
        return message and message["source"]["commit_scn"]


def course(kind):
    """The messages of a course, and the rows that stand in the end. No row is changed twice by one transaction."""
    db = kind()
    for visit in ("V1", "V2", "V3"):
        db.rows["jz", visit] = db.row("jz", visit, "张三", 1)
    db.read()
    for number in range(40):
        visit = f"V{number % 3 + 1}"
        db.begin()
        db.insert("fy", 1000 + number, visit, None, "12.3400", "x         ")
        db.update("jz", visit, n=number)
        if number % 4 == 3:
            db.begin()
            db.insert("js", f"S{number}", visit, "12.3400")
            for line in range(number - 3, number):
                if ("fy", 1000 + line) in db.rows:
                    db.update("fy", 1000 + line, jsdh=f"S{number}")
        if number % 10 == 9:
            db.begin()
            db.update("fy", 1000 + number, mxid=2000 + number)
            db.delete("fy", 1000 + number - 1)
            db.again(5)
    return db.sent, db.rows
