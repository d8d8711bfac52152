-- A day of the hospital, while it is captured. After each step the platform must have what expected.sql says.
SET search_path = 门诊;

-- step: somebody registers, is treated and pays; what was paid is written down last
INSERT INTO 挂号记录 VALUES ('M10', 'B2', 'NK', '2026-05-05', '08:15:00', '否');
INSERT INTO "费用明细（门诊）" VALUES ('L10-1', 'M10', 'Z1', '1', '12', '12', '2026-05-05 08:20:00'),
    ('L10-2', 'M10', 'A1', '2', '8.64', '17.280000000000001', '2026-05-05 08:20:00');
INSERT INTO 发票 VALUES ('F10', 'M10', '29.28', '10', '2026-05-05 08:40:00', '-');
INSERT INTO 发票明细 (发票号, 流水号) VALUES ('F10', 'L10-1'), ('F10', 'L10-2');

-- step: what was paid is written down first
BEGIN;
INSERT INTO 发票明细 (发票号, 流水号) SELECT 'F7', 流水号 FROM "费用明细（门诊）" WHERE 门诊号 = 'M7';
COMMIT;
INSERT INTO 发票 VALUES ('F7', 'M7', '93.04', '0', '2026-05-05 09:00:00', '-');

-- step: everything of an invoice is given back: a negative one, whose lines stay on the first
INSERT INTO 发票 VALUES ('R1', 'M1', '-93.04', '-40', '2026-05-05 09:30:00', 'F1');

-- step: a line goes from one invoice to the other, by its row in the third table
BEGIN;
UPDATE 发票明细 SET 发票号 = 'G4' WHERE 流水号 = 'L4-1';
UPDATE 发票 SET 金额 = '74.24000000000001' WHERE 发票号 = 'F4';
UPDATE 发票 SET 金额 = '18.8' WHERE 发票号 = 'G4';
COMMIT;

-- step: a line is corrected in the table without a key, by what stands in it
BEGIN;
UPDATE "费用明细（门诊）" SET 数量 = '2', 金额 = '13.6' WHERE 门诊号 = 'M2' AND 编码 = 'Z2';
UPDATE 发票 SET 金额 = (93.04 + 6.8)::text WHERE 发票号 = 'F2';
COMMIT;

-- step: all lines of an invoice are written anew under other numbers, in one transaction
BEGIN;
DELETE FROM 发票明细 WHERE 发票号 = 'F3';
UPDATE "费用明细（门诊）" SET 流水号 = 'N' || 流水号 WHERE 门诊号 = 'M3';
INSERT INTO 发票明细 (发票号, 流水号) SELECT 'F3', 流水号 FROM "费用明细（门诊）" WHERE 门诊号 = 'M3';
COMMIT;

-- step: a name in the catalogue is completed; of what was reported, nothing changes, and the next line has it
BEGIN;
INSERT INTO 收费项目 VALUES ('A2', '阿莫西林胶囊', 'XJ01CAA040E001010100001', '西药');
INSERT INTO "费用明细（门诊）" VALUES ('L8-4', 'M8', 'A2', '2', '12.5', '25.0', '2026-05-05 10:00:00');
INSERT INTO 发票明细 (发票号, 流水号) SELECT 'F8', 流水号 FROM "费用明细（门诊）" WHERE 门诊号 = 'M8';
INSERT INTO 发票 VALUES ('F8', 'M8', '118.04', '0', '2026-05-05 10:10:00', '-');
COMMIT;

-- step: a registration that nobody kept is given back, with its lines
BEGIN;
DELETE FROM "费用明细（门诊）" WHERE 门诊号 = 'M9';
UPDATE 挂号记录 SET 退号 = '是' WHERE 门诊号 = 'M9';
COMMIT;
