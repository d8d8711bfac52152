-- A clinic on a modern system: uuid keys, timestamptz everywhere, drafts told by a status, lines that name their product in one of
-- two tables, invoices that list their lines. All persons are invented; their numbers are of an area that does not exist.
CREATE SCHEMA clinic;
SET search_path = clinic;

CREATE TABLE department (
    id       integer PRIMARY KEY,
    name     text NOT NULL,
    national text NOT NULL                  -- code of the national list of departments
);
CREATE TABLE patient (
    id         uuid PRIMARY KEY,
    full_name  text NOT NULL,
    sex        text NOT NULL CHECK (sex IN ('male', 'female')),
    born       timestamptz NOT NULL,        -- midnight of the day of birth, here: a day earlier in UTC
    id_card    text NOT NULL,
    insured_no text NOT NULL,               -- PSN_NO
    relation   text NOT NULL                -- PSN_INSU_RLTS_ID
);
-- Both are counted from 1: medicine 1 and service 1 are two things.
CREATE TABLE medicine (
    id       bigint PRIMARY KEY,
    name     text NOT NULL,
    national text NOT NULL,
    level    char(1) NOT NULL
);
CREATE TABLE service (
    id       bigint PRIMARY KEY,
    name     text NOT NULL,
    national text NOT NULL,
    charge   text NOT NULL                  -- MED_CHRGITM_TYPE, without its zero
);
CREATE TABLE encounter (
    id            uuid PRIMARY KEY,
    patient_id    uuid NOT NULL REFERENCES patient,
    department_id integer NOT NULL REFERENCES department,
    status        text NOT NULL CHECK (status IN ('draft', 'open', 'closed')),
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    updated_at    timestamptz NOT NULL
);
CREATE TABLE line (
    id           uuid PRIMARY KEY,
    encounter_id uuid NOT NULL REFERENCES encounter,
    status       text NOT NULL CHECK (status IN ('draft', 'charged', 'cancelled')),
    product_type text NOT NULL CHECK (product_type IN ('medicine', 'service')),
    product_id   bigint NOT NULL,
    quantity     numeric(10, 2) NOT NULL,
    price        numeric(10, 4) NOT NULL,
    amount       numeric(12, 2) NOT NULL,
    charged_at   timestamptz NOT NULL
);
CREATE TABLE invoice (
    id           uuid PRIMARY KEY,
    encounter_id uuid NOT NULL REFERENCES encounter,
    status       text NOT NULL CHECK (status IN ('draft', 'paid', 'void')),
    line_ids     text NOT NULL,             -- 'uuid, uuid, …'
    total        numeric(12, 2) NOT NULL,
    fund         numeric(12, 2) NOT NULL,   -- paid by the fund; the rest by the patient
    paid_at      timestamptz
);

INSERT INTO department VALUES (1, '全科', 'A02'), (2, '儿科', 'A07');
INSERT INTO medicine VALUES
    (1, '阿莫西林胶囊', 'XJ01CAA040E001010100001', 'A'), (2, '布洛芬片', 'XM01AEB183A001010100002', 'A'),
    (3, '阿托伐他汀钙片', 'XC10AAA067A001010100003', 'B');
INSERT INTO service VALUES
    (1, '普通门诊诊察费', '001102000010000', '2'), (2, '肌肉注射', '001204000010000', '5'), (3, '血常规', '002501010150000', '4');
INSERT INTO patient VALUES
    ('11111111-0000-4000-8000-000000000001', '禾甲一', 'male', '1964-04-14 00:00+08', '369901196404141292', '36990000000000000101', 'R101'),
    ('11111111-0000-4000-8000-000000000002', '沐乙二', 'male', '1988-02-29 00:00+08', '369901198802290014', '36990000000000000102', 'R102'),
    ('11111111-0000-4000-8000-000000000003', '澄丙三', 'female', '2015-06-01 00:00+08', '369901201506013527', '36990000000000000103', 'R103'),
    ('11111111-0000-4000-8000-000000000004', '砚丁四', 'female', '1972-09-30 00:00+08', '369901197209302040', '36990000000000000104', 'R104');

-- What was there before anybody captured: twelve encounters, of which two are drafts; the even ones were paid.
INSERT INTO encounter
    SELECT ('22222222-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
           ('11111111-0000-4000-8000-' || lpad((1 + n % 4)::text, 12, '0'))::uuid,
           1 + n % 2,
           CASE WHEN n > 10 THEN 'draft' WHEN n % 2 = 0 THEN 'closed' ELSE 'open' END,
           timestamptz '2026-05-04 08:00+08' + n * interval '20 minutes',
           CASE WHEN n <= 10 AND n % 2 = 0 THEN timestamptz '2026-05-04 09:30+08' + n * interval '20 minutes' END,
           timestamptz '2026-05-04 08:00+08' + n * interval '20 minutes'
    FROM generate_series(1, 12) n;
INSERT INTO line
    SELECT ('33333333-0000-4000-8000-' || lpad((10 * n + m)::text, 12, '0'))::uuid,
           ('22222222-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
           CASE WHEN n > 10 THEN 'draft' ELSE 'charged' END,
           CASE WHEN m = 1 THEN 'service' ELSE 'medicine' END,
           CASE WHEN m = 1 THEN 1 ELSE m - 1 END,
           CASE WHEN m = 1 THEN 1 ELSE n * 0.5 END,
           CASE WHEN m = 1 THEN 12 ELSE 8.64 * m END,
           round(CASE WHEN m = 1 THEN 12 ELSE n * 0.5 * 8.64 * m END, 2),
           timestamptz '2026-05-04 08:10+08' + n * interval '20 minutes'
    FROM generate_series(1, 12) n, generate_series(1, 3) m;
INSERT INTO invoice
    SELECT ('44444444-0000-4000-8000-' || lpad(right(encounter_id::text, 12), 12, '0'))::uuid, encounter_id, 'paid',
           string_agg(id::text, ', ' ORDER BY id), sum(amount), round(sum(amount) * 0.6, 2),
           max(charged_at) + interval '1 hour'
    FROM line JOIN (SELECT id AS of FROM encounter WHERE status = 'closed') closed ON encounter_id = of
    GROUP BY encounter_id;
