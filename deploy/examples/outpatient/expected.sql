-- What must stand at the platform, from the hospital's own tables; asked after each step of edits.sql.
-- Each query gives interface fields under their names; those that it does not give may be anything.
CREATE VIEW pg_temp.person AS SELECT 病人编号, 姓名, 参保关系, substr(身份证号, 7, 8)::date AS born FROM 门诊.病人档案;
CREATE VIEW pg_temp.registered AS SELECT * FROM 门诊.挂号记录 WHERE 退号 <> '是';
CREATE VIEW pg_temp.line AS
    SELECT l.*, round(l.金额::numeric, 2) AS je, (SELECT 发票号 FROM 门诊.发票明细 p WHERE p.流水号 = l.流水号) AS 发票号
    FROM 门诊."费用明细（门诊）" l;

-- mdtrt_d
SELECT 门诊号 AS mdtrt_id, 姓名 AS psn_name, born AS brdy, 名称 AS adm_dept_name, ("日期" || ' ' || "时间")::timestamp AS begntime,
       extract(year FROM age("日期"::date, born)) AS age
FROM pg_temp.registered JOIN pg_temp.person USING (病人编号) JOIN 门诊.科室档案 USING (科室);

-- setl_d
SELECT 发票号 AS setl_id, 门诊号 AS mdtrt_id, 姓名 AS psn_name, f.日期::timestamp AS setl_time, round(金额::numeric, 2) AS medfee_sumamt,
       round(统筹::numeric, 2) AS fund_pay_sumamt, round(金额::numeric - 统筹::numeric, 2) AS psn_pay
FROM 门诊.发票 f JOIN pg_temp.registered USING (门诊号) JOIN pg_temp.person USING (病人编号);

-- fee_list_d
SELECT 流水号 AS bkkp_sn, 发票号 AS setl_id, l.门诊号 AS mdtrt_id, 参保关系 AS psn_insu_rlts_id, l.日期::timestamp AS fee_ocur_time,
       数量::numeric AS cnt, 单价::numeric AS pric, je AS det_item_fee_sumamt, "名称（全）" AS medins_list_name, 医保目录 AS med_list_codg
FROM pg_temp.line l JOIN pg_temp.registered USING (门诊号) JOIN pg_temp.person USING (病人编号) JOIN 门诊.收费项目 USING (编码)
WHERE 发票号 IS NOT NULL;

-- sums: what the lines of each invoice come to: its amount, and nothing for one that only gives back
SELECT 发票号 AS setl_id, round(金额::numeric, 2) AS lines FROM 门诊.发票 WHERE 原发票号 = '-';

-- waiting
SELECT 'unsettled' AS kind, count(*) AS rows FROM pg_temp.line WHERE 发票号 IS NULL;

-- letters
SELECT NULL AS class, NULL AS rule, 0 AS rows WHERE false;

-- rows: that count
SELECT (SELECT count(*) FROM pg_temp.registered) + (SELECT count(*) FROM 门诊.发票) + (SELECT count(*) FROM pg_temp.line) AS rows;
