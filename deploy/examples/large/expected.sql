-- What must stand at the platform, from the hospital's own tables; asked after each step of edits.sql.
-- Each query gives interface fields under their names; those that it does not give may be anything.
CREATE VIEW pg_temp.cf AS SELECT * FROM his.mz_cf UNION SELECT * FROM his.mz_cf_2025 UNION SELECT * FROM his.mz_cf_2026;
CREATE VIEW pg_temp.mx AS
    SELECT mx.*, cf.jzh, to_timestamp(kdsj, 'YYYYMMDDHH24:MI:SS')::timestamp AS kd, round(sl * cs * fs * dj, 2) AS je
    FROM (SELECT * FROM his.mz_cfmx UNION SELECT * FROM his.mz_cfmx_2025 UNION SELECT * FROM his.mz_cfmx_2026) mx LEFT JOIN pg_temp.cf USING (kdks, cfh);
CREATE VIEW pg_temp.known AS SELECT * FROM his.xm WHERE dl IN ('XY', 'CY', 'ZL');
CREATE VIEW pg_temp.person AS
    SELECT brid, xm, zjhm, cbgx, substr(zjhm, 7, 8)::date AS born, CASE WHEN substr(zjhm, 17, 1)::int % 2 = 1 THEN '1' ELSE '2' END AS sex FROM his.br;

-- mdtrt_d
SELECT jzh::text AS mdtrt_id, p.xm AS psn_name, born AS brdy, sex AS gend, '11' AS med_type, ksmc AS adm_dept_name, '0' AS inhosp_stas,
       to_timestamp(jzsj, 'YYYYMMDDHH24:MI:SS')::timestamp AS begntime, to_timestamp(jssj, 'YYYYMMDDHH24:MI:SS')::timestamp AS endtime,
       extract(year FROM age(left(jzsj, 8)::date, born)) AS age
FROM his.mz_jz JOIN pg_temp.person p USING (brid) JOIN his.ks USING (ksdm)
UNION ALL
SELECT 'Z-' || zyh, p.xm, born, sex, '21', ksmc, CASE WHEN cyrq IS NULL THEN '1' ELSE '0' END,
       (ryrq || ' ' || rysj)::timestamp, (cyrq || ' ' || cysj)::timestamp, extract(year FROM age(ryrq::date, born))
FROM his.zy_jz JOIN pg_temp.person p USING (brid) JOIN his.ks ON ksdm = ryks;

-- setl_d
SELECT fph::text AS setl_id, jzh::text AS mdtrt_id, p.xm AS psn_name, to_timestamp(sfsj, 'YYYYMMDDHH24:MI:SS')::timestamp AS setl_time,
       zje AS medfee_sumamt, tczf AS fund_pay_sumamt, zje - tczf AS psn_pay
FROM his.mz_js JOIN his.mz_jz USING (jzh) JOIN pg_temp.person p USING (brid)
UNION ALL
SELECT 'Z-' || jsh, 'Z-' || zyh, p.xm, (jsrq || ' ' || jssj)::timestamp, zje, tczf, zje - tczf
FROM his.zy_js JOIN his.zy_jz USING (zyh) JOIN pg_temp.person p USING (brid);

-- fee_list_d
SELECT mxh::text AS bkkp_sn, fph::text AS setl_id, mx.jzh::text AS mdtrt_id, p.cbgx AS psn_insu_rlts_id, kd AS fee_ocur_time,
       sl * cs * fs AS cnt, dj AS pric, je AS det_item_fee_sumamt, xmmc AS medins_list_name, kdks || '-' || cfh AS rx_drord_no
FROM pg_temp.mx JOIN his.mz_jz USING (jzh) JOIN pg_temp.person p USING (brid) JOIN pg_temp.known USING (xmdm) WHERE fph <> 0
UNION ALL
SELECT 'Z-' || zyh || '-' || mxh, 'Z-' || jsh, 'Z-' || zyh, p.cbgx, (fyrq || ' ' || fysj)::timestamp, sl, dj, je, xmmc, NULL
FROM his.zy_fy JOIN his.zy_jz USING (zyh) JOIN pg_temp.person p USING (brid) JOIN pg_temp.known USING (xmdm) WHERE jsh <> 0;

-- sums: what the lines of each settlement come to, by the receipts, without those of items that nobody knows
SELECT fph::text AS setl_id, zje - coalesce(sum(je), 0) AS lines
FROM his.mz_js LEFT JOIN (SELECT fph, je FROM pg_temp.mx WHERE xmdm NOT IN (SELECT xmdm FROM pg_temp.known)) u USING (fph) GROUP BY fph, zje
UNION ALL
SELECT 'Z-' || jsh, zje - coalesce(sum(je), 0)
FROM his.zy_js LEFT JOIN (SELECT jsh, je FROM his.zy_fy WHERE xmdm NOT IN (SELECT xmdm FROM pg_temp.known)) u USING (jsh) GROUP BY jsh, zje;

-- waiting
SELECT 'unsettled' AS kind, (SELECT count(*) FROM pg_temp.mx WHERE fph = 0) + (SELECT count(*) FROM his.zy_fy WHERE jsh = 0) AS rows;

-- letters
SELECT 'DICTIONARY' AS class, 'DICTIONARY' AS rule, count(*) AS rows
FROM (SELECT xmdm FROM pg_temp.mx WHERE fph <> 0 UNION ALL SELECT xmdm FROM his.zy_fy WHERE jsh <> 0) lines
WHERE xmdm NOT IN (SELECT xmdm FROM pg_temp.known) HAVING count(*) > 0;

-- rows: that count; a row in two tables for a moment is one
SELECT (SELECT count(*) FROM his.mz_jz) + (SELECT count(*) FROM his.mz_js) + (SELECT count(*) FROM pg_temp.mx)
     + (SELECT count(*) FROM his.zy_jz) + (SELECT count(*) FROM his.zy_js) + (SELECT count(*) FROM his.zy_fy) AS rows;
