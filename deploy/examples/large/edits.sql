-- A day and a night of the hospital, while it is captured. After each step the platform must have what expected.sql says.
SET search_path = his;

-- step: an outpatient from registration to receipt, with the numbers that an inpatient gets at the same time
INSERT INTO mz_jz VALUES (1021, 2, '0102', '2026050413:00:00', NULL);
INSERT INTO zy_jz VALUES (1021, 3, '0201', '20260504', '13:00:00', NULL, NULL, NULL, 'K35.800');
INSERT INTO mz_cf VALUES ('0102', 21, 1021, '2026050413:10:00');
INSERT INTO mz_cfmx VALUES (7101, '0102', 21, 'CY01', 0.1535, 10, 1, 7, 0), (7102, '0102', 21, 'XY01', 12.5, 1, 2, 1, 0);
INSERT INTO zy_fy VALUES (7101, 1021, 'ZL02', 6.8, 1, 6.8, '20260504', '13:20:00', 0);
BEGIN;
INSERT INTO mz_js VALUES (2021, 1021, '2026050413:30:00', 10.75 + 25, 20);
UPDATE mz_cfmx SET fph = 2021 WHERE kdks = '0102' AND cfh = 21;
UPDATE mz_jz SET jssj = '2026050413:30:00' WHERE jzh = 1021;
COMMIT;

-- step: lines come before their prescription, and this before its visit
INSERT INTO mz_js VALUES (2022, 1022, '2026050414:00:00', 12.5, 0);
INSERT INTO mz_cfmx VALUES (7105, '0101', 22, 'XY01', 12.5, 1, 1, 1, 2022);
INSERT INTO mz_cf VALUES ('0101', 22, 1022, '2026050413:50:00');
INSERT INTO mz_jz VALUES (1022, 4, '0101', '2026050413:45:00', '2026050414:00:00');

-- step: one line is given back: a red receipt of the whole and a new one of the rest, in one transaction
BEGIN;
INSERT INTO mz_cfmx SELECT 8000 + mxh, kdks, cfh, xmdm, dj, -sl, cs, fs, 2901 FROM mz_cfmx WHERE fph = 2001;
INSERT INTO mz_js SELECT 2901, jzh, '2026050414:30:00', -zje, -tczf, fph FROM mz_js WHERE fph = 2001;
INSERT INTO mz_cfmx SELECT 16000 + mxh, kdks, cfh, xmdm, dj, sl, cs, fs, 2902 FROM mz_cfmx WHERE fph = 2001 AND mxh <> 7004;
INSERT INTO mz_js SELECT 2902, 1001, '2026050414:30:00', sum(round(dj * sl * cs * fs, 2)), 10, 0 FROM mz_cfmx WHERE fph = 2902;
COMMIT;

-- step: by night prescriptions go to their year's table, in one transaction
BEGIN;
INSERT INTO mz_cf_2026 SELECT * FROM mz_cf WHERE cfh <= 10;
DELETE FROM mz_cf WHERE cfh <= 10;
COMMIT;

-- step: and their lines in two: first they stand in both
INSERT INTO mz_cfmx_2026 SELECT * FROM mz_cfmx WHERE cfh <= 5;

-- step: then in one
DELETE FROM mz_cfmx WHERE cfh <= 5;

-- step: others the other way round: first in none, then in the year's, by another session's transaction
CREATE TEMP TABLE night AS SELECT * FROM mz_cfmx WHERE cfh BETWEEN 6 AND 10;
DELETE FROM mz_cfmx WHERE cfh BETWEEN 6 AND 10;
INSERT INTO mz_cfmx_2026 SELECT * FROM night;

-- step: a line is corrected in the year's table, and its receipt with it
BEGIN;
UPDATE mz_cfmx_2026 SET sl = sl + 1 WHERE mxh = (SELECT min(mxh) FROM mz_cfmx_2026 WHERE fph = 2003);
UPDATE mz_js SET zje = (SELECT sum(round(dj * sl * cs * fs, 2)) FROM mz_cfmx_2026 WHERE fph = 2003) WHERE fph = 2003;
COMMIT;

-- step: what was left in the day's tables of the year before goes to that year's
BEGIN;
INSERT INTO mz_cf_2025 SELECT * FROM mz_cf WHERE cfh = 91;
INSERT INTO mz_cfmx_2025 SELECT * FROM mz_cfmx WHERE cfh = 91;
DELETE FROM mz_cfmx WHERE cfh = 91;
DELETE FROM mz_cf WHERE cfh = 91;
COMMIT;

-- step: a line goes from one year to the other, and is corrected there
INSERT INTO mz_cfmx_2026 SELECT * FROM mz_cfmx_2025 WHERE mxh = 6990;
DELETE FROM mz_cfmx_2025 WHERE mxh = 6990;
BEGIN;
UPDATE mz_cfmx_2026 SET sl = 3 WHERE mxh = 6990;
UPDATE mz_js SET zje = zje + 12.5 WHERE fph = 1990;
COMMIT;

-- step: a red receipt of lines that have moved: its lines stand in the day's table
BEGIN;
INSERT INTO mz_cfmx SELECT 8000 + mxh, kdks, cfh, xmdm, dj, -sl, cs, fs, 2903 FROM mz_cfmx_2026 WHERE fph = 2004;
INSERT INTO mz_js SELECT 2903, jzh, '2026050508:30:00', -zje, -tczf, fph FROM mz_js WHERE fph = 2004;
COMMIT;

-- step: an inpatient is discharged and settled
BEGIN;
UPDATE zy_jz SET cyks = '0201', cyrq = '20260505', cysj = '09:00:00' WHERE zyh = 1004;
INSERT INTO zy_js SELECT 2004, zyh, '20260505', '09:10:00', sum(je), 30 FROM zy_fy WHERE zyh = 1004 GROUP BY zyh;
UPDATE zy_fy SET jsh = 2004 WHERE zyh = 1004;
COMMIT;

-- step: a prescription was written for the wrong patient, and goes with its unpaid lines to another visit
UPDATE mz_cf SET jzh = 1017 WHERE kdks = '0101' AND cfh = 16;

-- step: that one pays all of them
BEGIN;
INSERT INTO mz_js SELECT 2017, 1017, '2026050509:30:00', sum(round(dj * sl * cs * fs, 2)), 10, 0
    FROM mz_cfmx JOIN mz_cf USING (kdks, cfh) WHERE jzh = 1017;
UPDATE mz_cfmx SET fph = 2017 FROM mz_cf WHERE mz_cf.kdks = mz_cfmx.kdks AND mz_cf.cfh = mz_cfmx.cfh AND jzh = 1017;
COMMIT;

-- step: items of a kind that the mapping's list does not have, for an outpatient and an inpatient
INSERT INTO xm VALUES ('QT01', '一次性鞋套', '001100000000000', 'QT', '14');
BEGIN;
INSERT INTO mz_cfmx_2026 VALUES (7201, '0101', 5, 'QT01', 10, 1, 1, 1, 2005);
UPDATE mz_js SET zje = zje + 10 WHERE fph = 2005;
INSERT INTO zy_fy VALUES (7201, 1002, 'QT01', 10, 1, 10, '20260504', '10:00:00', 2002);
UPDATE zy_js SET zje = zje + 10 WHERE jsh = 2002;
COMMIT;

-- step: the item gets one that it has, and both letters are tried again: one by what is known of its row, one by its row, read anew
UPDATE xm SET dl = 'ZL' WHERE xmdm = 'QT01';
-- then: yibao replay plan rule:DICTIONARY table:his.mz_cfmx_2026 --depth renormalise --why "the item's kind is mended" --out by-row.plan
-- then: yibao replay run by-row.plan
-- then: yibao replay plan rule:DICTIONARY table:his.zy_fy --depth recapture --why "the item's kind is mended" --out anew.plan
-- then: yibao replay run anew.plan
