-- A large hospital on a system that grew for twenty years: outpatients and inpatients are counted apart, both from 1001 on;
-- prescriptions know the visit, their lines only the prescription; by night what is done goes from the day's tables to the year's;
-- times are texts. All persons are invented; their numbers are of an area that does not exist.
CREATE SCHEMA his;
SET search_path = his;

CREATE TABLE br (brid bigint PRIMARY KEY, xm varchar(40), zjhm char(18), grbh varchar(30), cbgx varchar(20));     -- patients
CREATE TABLE ks (ksdm char(4) PRIMARY KEY, ksmc varchar(40), bzks varchar(6));                                   -- departments
CREATE TABLE xm (xmdm varchar(10) PRIMARY KEY, xmmc varchar(60), ylml varchar(40), dl char(2), fylb char(2));    -- items

-- Outpatients. Times are char(16): yyyyMMddHH:mm:ss.
CREATE TABLE mz_jz (jzh bigint PRIMARY KEY, brid bigint, ksdm char(4), jzsj char(16), jssj char(16));
CREATE TABLE mz_js (fph bigint PRIMARY KEY, jzh bigint, sfsj char(16), zje numeric(12, 2), tczf numeric(12, 2), yfph bigint DEFAULT 0);
-- Prescriptions, counted by department: the day's and each year's.
CREATE TABLE mz_cf (kdks char(4), cfh integer, jzh bigint, kdsj char(16), PRIMARY KEY (kdks, cfh));
CREATE TABLE mz_cf_2025 (LIKE mz_cf INCLUDING ALL);
CREATE TABLE mz_cf_2026 (LIKE mz_cf INCLUDING ALL);
-- Their lines: quantity, times, doses. fph is 0 until it is paid.
CREATE TABLE mz_cfmx (mxh bigint PRIMARY KEY, kdks char(4), cfh integer, xmdm varchar(10), dj numeric(10, 4), sl numeric(10, 3),
    cs integer, fs integer, fph bigint DEFAULT 0);
CREATE TABLE mz_cfmx_2025 (LIKE mz_cfmx INCLUDING ALL);
CREATE TABLE mz_cfmx_2026 (LIKE mz_cfmx INCLUDING ALL);

-- Inpatients. Days are char(8), and so are the times of day. jsh is 0 for who is still in bed.
CREATE TABLE zy_jz (zyh bigint PRIMARY KEY, brid bigint, ryks char(4), ryrq char(8), rysj char(8), cyks char(4), cyrq char(8), cysj char(8),
    zd varchar(20));
CREATE TABLE zy_js (jsh bigint PRIMARY KEY, zyh bigint, jsrq char(8), jssj char(8), zje numeric(12, 2), tczf numeric(12, 2));
CREATE TABLE zy_fy (mxh bigint, zyh bigint, xmdm varchar(10), dj numeric(10, 4), sl numeric(10, 3), je numeric(12, 2),
    fyrq char(8), fysj char(8), jsh bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (zyh, mxh));

INSERT INTO ks VALUES ('0101', '呼吸内科', 'A03.01'), ('0102', '中医科', 'A50'), ('0201', '普通外科', 'A04.01');
INSERT INTO xm VALUES
    ('XY01', '阿莫西林胶囊', 'XJ01CAA040E001010100001', 'XY', '9'), ('CY01', '黄芪饮片', 'T001700635', 'CY', '10'),
    ('ZL01', '普通床位费', '001109000010000', 'ZL', '1'), ('ZL02', '静脉输液', '001204000060000', 'ZL', '5');
INSERT INTO br VALUES
    (1, '霁甲一', '369901196404141292', '36990000000000000201', 'R201'), (2, '昀乙二', '369901198802290014', '36990000000000000202', 'R202'),
    (3, '棠丙三', '369901201506013527', '36990000000000000203', 'R203'), (4, '稷丁四', '369901197209302040', '36990000000000000204', 'R204'),
    (5, '笙戊五', '369901199912310076', '36990000000000000205', 'R205');

-- Twenty outpatients, each with a prescription of herbs (quantity x doses) and one of medicines; the first fifteen have paid.
INSERT INTO mz_jz SELECT n, 1 + n % 5, '0101', to_char(timestamp '2026-05-04 08:00' + (n - 1000) * interval '5 min', 'YYYYMMDDHH24:MI:SS'),
    to_char(timestamp '2026-05-04 09:00' + (n - 1000) * interval '5 min', 'YYYYMMDDHH24:MI:SS') FROM generate_series(1001, 1020) n;
INSERT INTO mz_cf SELECT kdks, n - 1000, n, to_char(timestamp '2026-05-04 08:10' + (n - 1000) * interval '5 min', 'YYYYMMDDHH24:MI:SS')
    FROM generate_series(1001, 1020) n, (VALUES ('0101'), ('0102')) d(kdks);
INSERT INTO mz_cfmx SELECT 7000 + 4 * n - 4000 + m, CASE m / 2 WHEN 0 THEN '0101' ELSE '0102' END, n - 1000,
    CASE m / 2 WHEN 0 THEN 'XY01' ELSE 'CY01' END, CASE m / 2 WHEN 0 THEN 12.5 ELSE 0.1535 END, 1 + m, CASE m / 2 WHEN 0 THEN 2 ELSE 1 END,
    CASE m / 2 WHEN 0 THEN 1 ELSE 7 END, CASE WHEN n <= 1015 THEN 2000 + n - 1000 ELSE 0 END
    FROM generate_series(1001, 1020) n, generate_series(0, 3) m;
INSERT INTO mz_js SELECT fph, 1000 + min(cfh), to_char(timestamp '2026-05-04 08:30' + min(cfh) * interval '5 min', 'YYYYMMDDHH24:MI:SS'),
    sum(round(dj * sl * cs * fs, 2)), round(sum(round(dj * sl * cs * fs, 2)) * 0.5, 2), 0 FROM mz_cfmx WHERE fph <> 0 GROUP BY fph;

-- Two of the year before; the second one's prescription was never brought over.
INSERT INTO mz_jz VALUES (990, 1, '0101', '2025123015:00:00', '2025123015:30:00'), (991, 4, '0101', '2025123115:00:00', '2025123115:30:00');
INSERT INTO mz_cf_2025 VALUES ('0101', 90, 990, '2025123015:05:00');
INSERT INTO mz_cfmx_2025 VALUES (6990, '0101', 90, 'XY01', 12.5, 2, 1, 1, 1990), (6991, '0101', 90, 'CY01', 0.1535, 10, 1, 7, 1990);
INSERT INTO mz_cf VALUES ('0101', 91, 991, '2025123115:05:00');
INSERT INTO mz_cfmx VALUES (6992, '0101', 91, 'XY01', 12.5, 1, 1, 1, 1991);
INSERT INTO mz_js VALUES (1990, 990, '2025123015:20:00', 35.75, 20, 0), (1991, 991, '2025123115:20:00', 12.5, 5, 0);

-- Eight inpatients with the outpatients' numbers, and lines and settlements with theirs; the first three are discharged.
INSERT INTO zy_jz SELECT n, 1 + n % 5, '0201', '20260502', '10:00:00', CASE WHEN n <= 1003 THEN '0201' END,
    CASE WHEN n <= 1003 THEN '20260504' END, CASE WHEN n <= 1003 THEN '15:00:00' END, 'J18.900' FROM generate_series(1001, 1008) n;
INSERT INTO zy_fy SELECT 7000 + 2 * (n - 1000) + m, n, CASE m WHEN 0 THEN 'ZL01' ELSE 'ZL02' END, CASE m WHEN 0 THEN 38 ELSE 6.8 END, 2,
    CASE m WHEN 0 THEN 76 ELSE 13.6 END, '20260503', '08:15:00', CASE WHEN n <= 1003 THEN 2000 + n - 1000 ELSE 0 END
    FROM generate_series(1001, 1008) n, generate_series(0, 1) m;
INSERT INTO zy_js SELECT jsh, min(zyh), '20260504', '15:10:00', sum(je), 50 FROM zy_fy WHERE jsh <> 0 GROUP BY jsh;
