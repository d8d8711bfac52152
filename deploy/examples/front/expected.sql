-- What must stand at the platform, from the intermediate tables; asked after each step of edits.sql.
-- Each query gives interface fields under their names; those that it does not give may be anything.

-- mdtrt_d
SELECT mdtrt_id, psn_no, psn_cert_type, certno, psn_name, gend, brdy, age, fixmedins_code, fixmedins_name, begntime, endtime, mdtrt_cert_no,
       med_type, adm_dept_name, dscg_caty, inhosp_stas, updt_time
FROM front.mdtrt_d WHERE state = '1';

-- setl_d
SELECT setl_id, mdtrt_id, psn_name, certno, brdy, age, fixmedins_code, setl_time, medfee_sumamt, fund_pay_sumamt, psn_pay, pool_prop_selfpay
FROM front.setl_d WHERE state = '1';

-- fee_list_d
SELECT bkkp_sn, l.mdtrt_id, setl_id, fee_ocur_time, l.fixmedins_code, rx_drord_no, cnt, pric, det_item_fee_sumamt, med_list_codg
FROM front.fee_list_d l JOIN front.setl_d s USING (setl_id) WHERE l.state = '1' AND s.state = '1';

-- sums: what the lines of each settlement come to
SELECT setl_id, medfee_sumamt AS lines FROM front.setl_d WHERE state = '1';

-- waiting
SELECT 'settlement' AS kind, count(*) AS rows FROM front.fee_list_d l
WHERE state = '1' AND NOT EXISTS (SELECT FROM front.setl_d s WHERE s.setl_id = l.setl_id AND s.state = '1') HAVING count(*) > 0;

-- letters
SELECT NULL AS class, NULL AS rule, 0 AS rows WHERE false;

-- rows: that count
SELECT (SELECT count(*) FROM front.mdtrt_d WHERE state = '1') + (SELECT count(*) FROM front.setl_d WHERE state = '1')
     + (SELECT count(*) FROM front.fee_list_d WHERE state = '1') AS rows;
