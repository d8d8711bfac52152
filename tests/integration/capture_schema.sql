-- A small hospital with what real ones have: mixed case, Chinese names, a reserved word, 19-digit ids, every kind of time.
CREATE SCHEMA his;
CREATE TABLE his.visit (
  visit_sn bigint PRIMARY KEY, mdtrt_id varchar(30), psn_name varchar(50), unmapped varchar(20), born date, admitted timestamp,
  admitted_ms timestamp(3), created timestamptz, clock time, clock_tz timetz, height numeric(6, 2), free numeric, flag boolean,
  gender char(2), weight double precision, note text, ext jsonb, photo bytea,
  stay interval, paid money, bits bit(4), is_seen bit(1), spot point);
CREATE TABLE his.settlement (
  "SETL_ID" varchar(30) PRIMARY KEY, "VISIT_NO" varchar(30), "SETL_TIME" timestamp(3), "MEDFEE_SUMAMT" numeric(16, 2), "order" text);
CREATE TABLE his."费用明细" (
  fee_id bigint, line_no int, mdtrt_id varchar(30), setl_id varchar(30), "数量" numeric(16, 4), "VISIT_NO" varchar(30),
  PRIMARY KEY (fee_id, line_no));
CREATE TABLE his.dept (hosp varchar(10), code varchar(10), name varchar(50), unmapped text, PRIMARY KEY (hosp, code));
ALTER TABLE his.visit REPLICA IDENTITY FULL;
ALTER TABLE his.visit ALTER note SET STORAGE EXTERNAL;
ALTER TABLE his.settlement REPLICA IDENTITY FULL;
ALTER TABLE his."费用明细" REPLICA IDENTITY FULL;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id int PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
CREATE PUBLICATION capture_test FOR TABLE his.visit, his.settlement, his."费用明细", his.dept, cdc.heartbeat;
CREATE ROLE capture_test LOGIN REPLICATION PASSWORD 'capture-test';
GRANT USAGE ON SCHEMA his, cdc TO capture_test;
GRANT SELECT ON ALL TABLES IN SCHEMA his TO capture_test;
GRANT SELECT, UPDATE ON cdc.heartbeat TO capture_test;

-- What stands there before capture starts.
INSERT INTO his.dept VALUES ('H1', 'D1', '内科', 'x'), ('H1', 'D2', '外科', 'x');
INSERT INTO his.visit VALUES (
  1234567890123456789, 'M1', '张三', 'x', '1980-02-03', '2024-05-06 07:08:09.123456', '2024-05-06 07:08:09.12',
  '2024-05-06 07:08:09.5+08', '23:59:58.5', '10:00:00+08', 170.50, 1.2300, true, '1', 74.24000000000001, 'a note', '{"a": 1}', '\x0102',
  '1 hour 30 minutes', 1234.50, B'1010', B'1', '(1,2)');
INSERT INTO his.visit (visit_sn, mdtrt_id, psn_name, born, admitted, created)
  VALUES (2, NULL, '李四', '0850-12-31', '2024-05-06 00:00:00', '1900-01-01 00:00:00+08:05:43');
INSERT INTO his.visit (visit_sn, mdtrt_id, note, clock) VALUES (3, 'M3', repeat(md5('long'), 300), '24:00');
INSERT INTO his.settlement VALUES ('S1', 'M1', '2024-05-06 10:00:00', 100.10, 'o');
INSERT INTO his."费用明细" VALUES (1, 1, 'M1', 'S1', 2.5, 'elsewhere');
