-- An old outpatient system: Chinese names, some of them with full-width brackets; amounts and days as texts; rows that no key of the
-- database tells apart; a table that says which line was paid by which invoice; refunds as negative invoices whose lines stay on the
-- first one. All persons are invented; their numbers are of an area that does not exist.
CREATE SCHEMA 门诊;
SET search_path = 门诊;

CREATE TABLE 病人档案 (病人编号 varchar(12) PRIMARY KEY, 姓名 varchar(40), 身份证号 varchar(18), 个人编号 varchar(30), 参保关系 varchar(20));
CREATE TABLE 科室档案 (科室 varchar(8) PRIMARY KEY, 名称 varchar(40), 国标科别 varchar(6));
CREATE TABLE 收费项目 (编码 varchar(10) PRIMARY KEY, "名称（全）" varchar(60), 医保目录 varchar(40), 类别 varchar(4));
CREATE TABLE 挂号记录 (门诊号 varchar(12) PRIMARY KEY, 病人编号 varchar(12), 科室 varchar(8), "日期" varchar(10), "时间" varchar(8), 退号 char(1) DEFAULT '否');
-- No key in the database. 流水号 tells rows apart, and nothing demands it (but see capture.sql).
CREATE TABLE "费用明细（门诊）" (流水号 varchar(12), 门诊号 varchar(12), 编码 varchar(10), 数量 text, 单价 text, 金额 text, 日期 varchar(19));
CREATE TABLE 发票 (发票号 varchar(12) PRIMARY KEY, 门诊号 varchar(12), 金额 text, 统筹 text, 日期 varchar(19), 原发票号 varchar(12) DEFAULT '-');
CREATE TABLE 发票明细 ("ID" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, 发票号 varchar(12), 流水号 varchar(12));

INSERT INTO 科室档案 VALUES ('NK', '内科', 'A03'), ('EK', '儿科', 'A07');
INSERT INTO 收费项目 VALUES ('A1', '布洛芬片', 'XM01AEB183A001010100002', '西药'), ('Z1', '普通门诊诊察费', '001102000010000', '诊疗'),
    ('Z2', '肌肉注射', '001204000010000', '诊疗');
INSERT INTO 病人档案 VALUES ('B1', '朔甲一', '369902196404141299', '36990000000000000301', 'R301'),
    ('B2', '岚乙二', '369902198802290010', '36990000000000000302', 'R302'), ('B3', '阙丙三', '369902201506013523', '36990000000000000303', 'R303');
INSERT INTO 挂号记录 SELECT 'M' || n, 'B' || 1 + n % 3, CASE n % 2 WHEN 0 THEN 'NK' ELSE 'EK' END, '2026-05-0' || 1 + n % 4, '08:' || 10 + n || ':00', '否'
    FROM generate_series(1, 9) n;
-- Amounts as a program wrote them that counts in floats.
INSERT INTO "费用明细（门诊）" SELECT 'L' || n || '-' || m, 'M' || n, CASE m WHEN 1 THEN 'Z1' WHEN 2 THEN 'A1' ELSE 'Z2' END, CASE m WHEN 2 THEN '3' ELSE '1' END,
    CASE m WHEN 1 THEN '12' WHEN 2 THEN '24.746666' ELSE '6.80' END, CASE m WHEN 1 THEN '12.0' WHEN 2 THEN '74.24000000000001' ELSE ' 6.8 ' END,
    '2026-05-0' || 1 + n % 4 || ' 08:' || 30 + n || ':00' FROM generate_series(1, 9) n, generate_series(1, 3) m;
-- The first six have paid, the fourth and fifth with two invoices.
INSERT INTO 发票 SELECT 'F' || n, 'M' || n, CASE WHEN n IN (4, 5) THEN '86.24000000000001' ELSE '93.04' END, '40', '2026-05-0' || 1 + n % 4 || ' 09:00:00'
    FROM generate_series(1, 6) n;
INSERT INTO 发票 SELECT 'G' || n, 'M' || n, '6.8', '0', '2026-05-0' || 1 + n % 4 || ' 09:05:00' FROM generate_series(4, 5) n;
INSERT INTO 发票明细 (发票号, 流水号) SELECT CASE WHEN n IN (4, 5) AND m = 3 THEN 'G' ELSE 'F' END || n, 'L' || n || '-' || m
    FROM generate_series(1, 6) n, generate_series(1, 3) m;
