-- What happens while capture runs; each statement is a transaction of its own unless it says otherwise.
INSERT INTO his.visit (visit_sn, mdtrt_id, psn_name, born, admitted, admitted_ms, created, clock)
  VALUES (10, 'M10', '王五', '2000-01-01', '2024-01-01 00:00:00', '2024-01-01 00:00:00.5', '2024-01-01 00:00:00+08', '08:00');
UPDATE his.visit SET psn_name = '张三丰' WHERE mdtrt_id = 'M1';
UPDATE his.visit SET psn_name = 'of a long note' WHERE mdtrt_id = 'M3';
UPDATE his.visit SET mdtrt_id = 'M11' WHERE visit_sn = 10;
UPDATE his.visit SET mdtrt_id = NULL WHERE visit_sn = 10;
DELETE FROM his.visit WHERE visit_sn = 10;
BEGIN;
INSERT INTO his.settlement VALUES ('S3', 'M3', '2024-05-07 10:00:00', -1, 'x');
INSERT INTO his."费用明细" VALUES (5, 1, 'M3', 'S3', 1, NULL);
COMMIT;
DELETE FROM his.settlement WHERE "SETL_ID" = 'S3';
DELETE FROM his.dept WHERE code = 'D2';
UPDATE his.dept SET name = '内科一' WHERE code = 'D1';
TRUNCATE his."费用明细";
TRUNCATE his.dept;
SELECT pg_logical_emit_message(true, 'of another tool', 'in a transaction'), pg_logical_emit_message(false, '', 'at once');
INSERT INTO his.dept VALUES ('H1', 'D3', '儿科', 'x');
INSERT INTO his.visit (visit_sn, mdtrt_id, clock) VALUES (99, 'LAST', '24:00');
