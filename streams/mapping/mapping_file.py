"""The mapping file of one hospital system: which tables hold what, and where each interface field comes from.

A whole example, every form of source once:

```yaml
mapping: sample-his                  # name; stamped on every record together with a hash of the content

tables:
  - table: his.visit                 # schema.table, in the catalogue's case
    role: visit                      # visit | settlement | fee | header | lookup
    key: [visit_id]                  # columns that identify a row
    visit_key: visit_id              # column that holds the visit key; [org, visit_no] where it takes several
  - table: his.settle
    role: settlement
    key: [settle_no]
    visit_key: visit_id
  - table: his.charge
    role: fee
    key: [charge_id]
    visit_key: visit_id
    moves: charges                   # see his.charge_of_year below
    settlement: settle_no            # column that names the line's settlement; left out, or {only: true}: the visit's only one
                                     # {match: {charged_at: paid_at}}: the same in both; {lines: {list: ids}}: it lists its lines
                                     # {through: {table: his.paid, line: line_id, settlement: pay_id}}: rows of a third table say
                                     # it, beside `- {table: his.paid, role: link, key: [id]}`
    where:                           # which rows count; one that stops counting is deleted, one that begins to is inserted
      status: [5, 6]                 # one of these, compared as text without blanks at its ends; "" for NULL
      deleted: {not: [1]}            # none of these; all of `where` must hold
      category: {lookup: patient, by: patient_id, not: [self]}   # a column of a lookup
  - table: his.prescription
    role: header                     # not reported; rows that know only their prescription find their visit through it
    key: [org, rx_no]
    visit_key: visit_id
  - table: his.drug
    role: fee
    key: [drug_id]
    under: his.prescription          # the table of its header, or a list: [his.bill, his.bill_of_last_year]
    header: [org, rx_no]             # columns that name it: the header's key, in its order
    else: visit_id                   # visit key of rows that name no header; left out: such a row is a dead letter
    settlement: settle_no
  - table: his.charge_of_year
    role: fee
    key: [charge_id]
    visit_key: visit_id
    settlement: settle_no
    moves: charges                   # between tables with the same name rows move, by night; nothing is reported twice or withdrawn
  - table: his.ward_charge           # differs from his.charge, and its numbers overlap with those:
    role: fee
    key: [id]
    visit_key: visit_id
    fields: {BKKP_SN: id, DET_ITEM_FEE_SUMAMT: amount}   # in place of those in `records`, whose columns it need not have
    record_prefix: W-                # 7 is reported as W-7, also where another record names it; of visits: `MDTRT_ID` everywhere
  - table: his.dental_charge         # edited by deleting lines and inserting them under new ids: equal ones stay the same record
    role: fee
    key: [line_id]
    visit_key: visit_id
    fields: {BKKP_SN: line_id}
    record_prefix: D-
    renumbered: {same: [visit_id, item_id, price, quantity]}
  - table: his.ward                  # its visits have the numbers of those in his.visit:
    role: visit
    key: [stay_no]
    visit_key: stay_no
    prefix: W-                       # in the product alone; the same at its settlements and lines, so that they meet
    record_prefix: W-                # at the platform
    kind: {constant: inpatient}      # in place of the file's `kind`
    fields: {MDTRT_ID: stay_no, BEGNTIME: {column: in_at, time: wall}}
  - table: his.shop_bill             # each of its rows is a visit and its settlement
    roles: [visit, settlement]
    key: [visit_id]
    visit_key: visit_id
    fields: {SETL_ID: visit_id}      # each belongs to the one record that has the field
  - table: his.patient
    role: lookup
    key: [patient_id]
    lookup: patient                  # the name by which sources refer to it; default: the table's name without schema
  - table: his.price                 # of several rows of one item the one that counts and has the latest day
    role: lookup
    key: [price_id]
    named_by: item_id                # by which it is asked, in place of its key
    latest: valid_from
    where: {disabled: {not: [1]}}

institution:                         # which institution a row belongs to, per role; the values are FIXMEDINS_CODEs or `his_codes`
  visit: org_code                    # a column of the row …
  settlement: org_code
  fee: {constant: H36110200001}      # … or always the same one

kind:                                # outpatient | inpatient | pharmacy, decides `infno`; of the VISIT row unless `of:` differs
  column: visit_type
  dictionary: row_kind               # rows of pharmacies are `pharmacy` without asking

nulls: ["0", "-", "1900-01-01"]      # what the hospital writes for NULL in any column but keys; a table may have `nulls` of its own

visit_duty: [hospital]               # kinds of institution that must report visits (interface §3.3.3: hospitals)

dictionaries:
  row_kind:
    codes: {O: outpatient, E: outpatient, I: inpatient}
  gender:
    codes: {M: 1, F: 2}              # HIS code: interface code
    default: 9                       # left out: an unknown HIS code refuses the record

records:
  mdtrt_d:
    fields:
      MDTRT_ID: visit_id                                                  # shorthand: a column of the own row
      FIXMEDINS_CODE: {institution: code}                                 # code | name | area | level | value.NAME
      GEND: {lookup: patient, by: [patient_id], column: sex, dictionary: gender}
      BRDY: {lookup: patient, by: [patient_id], column: born_at, time: instant}   # timestamptz: shown in the site's zone
      BEGNTIME: {column: admitted_at, time: wall}                         # zone-less timestamp or text, as stored
      ADM_DEPT_CODG: {first_of: [adm_dept, dept]}                         # the first that is not empty
      HOSP_LV: {column: hosp_level, pad_zeros: true}                      # `3` becomes `03` if only `03` is a known code
      VALI_FLAG: {constant: 1}
      CHFPDR_NAME: {column: doctor_name, truncate: true}                  # cut to the interface's length
  setl_d:
    fields:
      SETL_ID: settle_no
      PSN_NAME: {column: patient_name, of: visit}                         # of: visit | settlement | fee; default: the own row
      MEDFEE_SUMAMT: {column: total_fen, money: fen}
      FUND_PAY_SUMAMT: {column: fund, round: true}                        # more decimals than the interface has: half up
      ACCT_PAY: {column: acct, default: 0}                                # where the column is NULL or blank
  fee_list_d:
    fields:
      BKKP_SN: charge_id
      RX_DRORD_NO: {column: order_no, of: header}                         # of the row's own header
```

Values that are made of several, each of which may stand wherever a source may:

```yaml
      DET_ITEM_FEE_SUMAMT: {product: [price, quantity, doses], round: true}   # exact; rounded half up to the interface's decimals
      FUND_PAY_SUMAMT: {sum: [pool, {column: extra, default: 0}]}             # NULL where a part is, unless it has a default
      ACCT_PAY: {column: account_change, negate: true}                        # the other sign
      AGE: {age: {birth: born_on, at: admitted_at}}                           # full years
      IPT_DAYS: {days: {from: admitted_at, to: discharged_at, least: 1}}      # by the calendar; 1 on one day
      RX_DRORD_NO: {join: [dept, "-", order_no]}                              # NULL where a part is
      MDTRT_SN: {part: {of: visit_no, from: 3, length: 8}}
      CVLSERV_FLAG: {present: civil_no, yes: 1, no: 0}
      BKKP_SN: {column: id, compact: uuid}                                    # 32 or 36 characters in 25, reversible
      HILIST_NAME: {lookup: item, by: [item_id], column: name, absent: refuse}    # absent: wait (the default) | empty | refuse
      MED_LIST_CODG:                                                          # one of several tables, by a column
        switch: {on: kind, cases: {1: {lookup: drug, by: [ref], column: code}, 2: {lookup: service, by: [ref], column: code}}}
      FEE_OCUR_TIME: {column: charged, time: {format: yyyyMMddHH:mm:ss}}      # or {unix: s}, {unix: ms}
      SETL_TIME: {date: paid_on, clock: paid_at}                              # two columns
      DIE_DATE: {column: died_on, nulls: ["-", "1900-01-01"]}                 # what the hospital writes for NULL
```

Conversions follow from the interface: a DECIMAL field reads a decimal, a DATE field a date, a DATETIME field a date and time. Texts
are trimmed, and blank texts count as NULL, also those of zero-width or control characters alone.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PrivateAttr, field_validator

from connector.contract import TableRole
from streams.mapping.belonging import InstitutionOf
from streams.mapping.names import Name
from streams.mapping.sources import Source
from streams.mapping.strict import Code, Strict
from streams.mapping.tables import Table
from streams.mapping.values import Form
from streams.spec.fields import ServiceCode


class Translation(Strict):
    """A dictionary from HIS codes to interface codes."""

    codes: Mapping[Code, Code]
    """HIS code: interface code."""
    default: Code | None = None
    """Interface code of every other HIS code. Left out: an unknown HIS code refuses the record."""


class RecordFields(Strict):
    """How the records of one service are made."""

    fields: Mapping[str, Source]
    """Interface field: source. Required fields must all be here."""
    corrections: Literal["resend", "dead_letter"] = "resend"
    """What becomes of a record that was reported and has another content now. `resend`: it is sent again, under a new `msgid`.
    `dead_letter`: a person is told (CORRECTION), once for each content, and it is sent when that person has it tried again (`yibao
    replay plan class:CORRECTION --depth renormalise`, 重报 in the sheet); where the hospital changes it back, the letter closes.
    There is no word for a record that takes the former one back first: the interface has no call for that (§3.3). What is handed on
    for the first time goes in any case; of a record that the platform refused the mended version waits for a person, too, for the
    platform's answer is not known where that is decided."""


class Records(Strict):
    """The three services (interface §3.3)."""

    mdtrt_d: RecordFields | None = None
    """Visits, 106 fields."""
    setl_d: RecordFields | None = None
    """Settlements, 29 fields."""
    fee_list_d: RecordFields | None = None
    """Fee lines, 24 fields."""

    def holds_corrections(self, service: ServiceCode) -> bool:
        """Whether corrections of `service` go by a person alone."""
        written = self.of(service)
        return written is not None and written.corrections == "dead_letter"

    def of(self, service: ServiceCode) -> RecordFields | None:
        """How the records of `service` are made, None if the mapping has none."""
        match service:
            case ServiceCode.VISIT:
                return self.mdtrt_d
            case ServiceCode.SETTLEMENT:
                return self.setl_d
            case ServiceCode.FEE:
                return self.fee_list_d


class Deletions(Strict):
    """What the deletion of a reported row means: that it is told to a person (WITHDRAWN), who has the record taken back. There is
    no word for a counter-record: the interface has no call that takes a record back (interface §3), and VALI_FLAG stands in visits
    alone. A negative payment, settlement or line that the hospital writes is a row of its own, and is reported as it stands.
    """

    ignore_older_than: Annotated[str, Form(r"^[1-9][0-9]{0,4}d$", "a number of days, such as `90d`")] | None = None
    """Where old rows are moved to an archive: the deletion of a row whose record's business day is longer ago than this is no
    withdrawal. Left out: every deletion is one."""
    moved_within: Annotated[str, Form(r"^[1-9][0-9]{0,3}[mhd]$", "a time, such as `90m`, `24h` or `2d`")] = "24h"
    """Of tables with `moves`: so long after a row went from one of them it may come in another one. Until then nobody is told that
    it is gone, and what belongs to it waits for it."""

    @property
    def moved_within_ms(self) -> int:
        """The same in milliseconds."""
        return int(self.moved_within[:-1]) * {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[self.moved_within[-1]]

    @property
    def ignored_after_days(self) -> int | None:
        """The same in days."""
        return None if self.ignore_older_than is None else int(self.ignore_older_than.removesuffix("d"))


class Lent(NamedTuple):
    """What mappings of a site share."""

    tables: Mapping[str, Table]
    """Lookup tables of other sources, by name; with what stands for NULL in them."""
    readers: "Mapping[str, MappingFile]"
    """Mappings of other sources that read lookups of this one, by the name of the source."""


class MappingFile(Strict):
    """One hospital system: its tables and where each interface field comes from."""

    mapping: Name
    """Name of the mapping; its version is this name and a hash of the content."""
    tables: Annotated[tuple[Table, ...], Field(min_length=1)]
    """The tables to capture."""
    institution: InstitutionOf
    """Which institution a row belongs to."""
    kind: Source | None = None
    """`outpatient`, `inpatient` or `pharmacy`: decides the envelope's `infno`. Rows of pharmacies are `pharmacy` without it."""
    nulls: tuple[Code, ...] = ()
    """What the hospital writes for NULL in all tables that have no `nulls` of their own, in any column but those of `key`: so a
    visit key, a link or a header may be `0` and mean none. A time at midnight is compared by its day."""
    visit_duty: tuple[Literal["hospital", "pharmacy"], ...] = ("hospital",)
    """Kinds of institution that must report visits: their settlements and fee lines wait for the visit's row."""
    dictionaries: Mapping[Name, Translation] = Field(default_factory=dict)
    """Dictionaries that sources name with `dictionary`."""
    deletions: Deletions = Deletions()
    """What the deletion of a reported row means."""
    borrowed: Mapping[Name, Name] = Field(default_factory=dict)
    """Lookups of other sources of the site, by name, with the source that has the table. What is read of them here is captured
    there. Two databases have no order between them: a row that comes late is waited for, as `absent` says."""
    records: Records
    """The fields of each service."""
    _lent: Lent = PrivateAttr(Lent({}, {}))
    """See `lent`."""

    @property
    def lent(self) -> Lent:
        """What it shares with the mappings of other sources: known once a site was loaded."""
        return self._lent

    def share(self, lent: Lent) -> None:
        """Say so."""
        self._lent = lent

    @property
    def lookups(self) -> Mapping[str, Table]:
        """All lookup tables that it reads, by name, those of other sources among them."""
        own = {table.lookup_name: table for table in self.tables if table.role is TableRole.LOOKUP}
        return {**self._lent.tables, **own}

    @field_validator("tables")
    @classmethod
    def _each_apart(cls, written: tuple[Table, ...]) -> tuple[Table, ...]:
        """A table with shards becomes one for each of them; one of several roles one for each, the first of them at its place and
        the others behind all.
        """
        apart = [tuple(one.apart()) for place, table in enumerate(written) for one in table.each_shard(place)]
        return (*(first for first, *_ in apart), *(one for _, *others in apart for one in others))
