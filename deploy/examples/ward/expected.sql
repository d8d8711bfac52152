-- What must stand at the platform, from the hospital's own tables; asked after each step of edits.sql.
-- Each query gives interface fields under their names; those that it does not give may be anything.
CREATE VIEW pg_temp.paid AS SELECT * FROM ward.bill WHERE state = 'paid';
CREATE VIEW pg_temp.refund AS SELECT p.* FROM ward.payment p JOIN pg_temp.paid b ON b.no = bill_no WHERE kind = 'refund';

-- mdtrt_d
SELECT 'B-' || b.no AS mdtrt_id, full_name AS psn_name, id_card AS certno, born AS brdy, CASE sex WHEN 'M' THEN '1' ELSE '2' END AS gend,
       coalesce(in_at, opened_at) AT TIME ZONE 'Asia/Shanghai' AS begntime, coalesce(out_at, paid_at) AT TIME ZONE 'Asia/Shanghai' AS endtime,
       u.name AS adm_dept_name, u.national AS dscg_caty
FROM pg_temp.paid b JOIN ward.person p ON p.id = person_id JOIN ward.unit u ON u.id = b.unit_id LEFT JOIN ward.admission a ON a.no = admission;

-- setl_d
SELECT 'B-' || b.no AS setl_id, 'B-' || b.no AS mdtrt_id, full_name AS psn_name, paid_at AT TIME ZONE 'Asia/Shanghai' AS setl_time,
       total AS medfee_sumamt, fund AS fund_pay_sumamt, total - fund AS psn_pay
FROM pg_temp.paid b JOIN ward.person p ON p.id = person_id
UNION ALL
SELECT 'P-' || r.no, 'B-' || bill_no, full_name, r.paid_at AT TIME ZONE 'Asia/Shanghai', amount, 0, amount
FROM pg_temp.refund r JOIN ward.bill b ON b.no = bill_no JOIN ward.person p ON p.id = person_id;

-- fee_list_d
SELECT 'L-' || first AS bkkp_sn, 'B-' || bill_no AS setl_id, 'B-' || bill_no AS mdtrt_id, relation AS psn_insu_rlts_id,
       quantity AS cnt, price AS pric, amount AS det_item_fee_sumamt, i.name AS medins_list_name, i.national AS med_list_codg,
       charged_at AT TIME ZONE 'Asia/Shanghai' AS fee_ocur_time
FROM ward.bill_line l JOIN oracle.number ON line = l.no JOIN pg_temp.paid b ON b.no = bill_no JOIN ward.person p ON p.id = person_id
JOIN ward.item i ON i.id = item_id;

-- sums: what the lines of each settlement come to: the bill's total, and nothing of what was paid back
SELECT 'B-' || no AS setl_id, total AS lines FROM pg_temp.paid UNION ALL SELECT 'P-' || no, 0 FROM pg_temp.refund;

-- waiting
SELECT 'settlement' AS kind, count(*) AS rows FROM ward.bill_line JOIN ward.bill b ON b.no = bill_no WHERE state <> 'paid'
UNION ALL
SELECT 'visit', count(*) FROM ward.payment p JOIN ward.bill b ON b.no = bill_no WHERE kind = 'refund' AND state <> 'paid';

-- letters
SELECT NULL AS class, NULL AS rule, 0 AS rows WHERE false;

-- rows: that count, a paid bill twice
SELECT 2 * (SELECT count(*) FROM pg_temp.paid) + (SELECT count(*) FROM ward.payment WHERE kind = 'refund')
     + (SELECT count(*) FROM ward.bill_line) AS rows;
