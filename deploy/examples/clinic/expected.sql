-- What must stand at the platform, from the clinic's own tables; asked after each step of edits.sql.
-- Each query gives interface fields under their names; those that it does not give may be anything.
CREATE OR REPLACE FUNCTION pg_temp.short(number uuid) RETURNS text LANGUAGE sql AS $$
    WITH RECURSIVE cut(rest, text) AS (
        SELECT sum(('x' || lpad(digit, 8, '0'))::bit(32)::int * power(16::numeric, 32 - place)), ''
        FROM regexp_split_to_table(replace(number::text, '-', ''), '') WITH ORDINALITY AS digits(digit, place)
        UNION ALL
        SELECT div(rest, 36), substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + mod(rest, 36)::int, 1) || text FROM cut WHERE rest > 0
    ) SELECT lpad(text, 25, '0') FROM cut WHERE rest = 0
$$;
CREATE OR REPLACE VIEW pg_temp.charged AS
    SELECT line.*, invoice.id AS invoice_id
    FROM clinic.line LEFT JOIN clinic.invoice ON position(line.id::text IN line_ids) > 0 AND invoice.status = 'paid'
    WHERE line.status = 'charged';

-- mdtrt_d
SELECT pg_temp.short(e.id) AS mdtrt_id, full_name AS psn_name, id_card AS certno, substr(id_card, 7, 8)::date AS brdy,
       date_part('year', age((opened_at AT TIME ZONE 'Asia/Shanghai')::date, substr(id_card, 7, 8)::date))::int::numeric AS age,
       CASE WHEN substr(id_card, 17, 1)::int % 2 = 1 THEN '1' ELSE '2' END AS gend,
       opened_at AT TIME ZONE 'Asia/Shanghai' AS begntime, closed_at AT TIME ZONE 'Asia/Shanghai' AS endtime,
       d.name AS adm_dept_name, d.national AS dscg_caty, CASE e.status WHEN 'open' THEN '1' ELSE '0' END AS inhosp_stas
FROM clinic.encounter e JOIN clinic.patient p ON p.id = patient_id JOIN clinic.department d ON d.id = department_id
WHERE e.status IN ('open', 'closed');

-- setl_d
SELECT pg_temp.short(i.id) AS setl_id, pg_temp.short(encounter_id) AS mdtrt_id, full_name AS psn_name,
       paid_at AT TIME ZONE 'Asia/Shanghai' AS setl_time, total AS medfee_sumamt, fund AS fund_pay_sumamt, total - fund AS psn_pay
FROM clinic.invoice i JOIN clinic.encounter e ON e.id = encounter_id JOIN clinic.patient p ON p.id = patient_id
WHERE i.status = 'paid';

-- fee_list_d
SELECT pg_temp.short(c.id) AS bkkp_sn, pg_temp.short(c.invoice_id) AS setl_id, pg_temp.short(c.encounter_id) AS mdtrt_id,
       relation AS psn_insu_rlts_id, quantity AS cnt, c.price AS pric, c.amount AS det_item_fee_sumamt,
       coalesce(m.name, s.name) AS medins_list_name, coalesce(m.national, s.national) AS med_list_codg,
       CASE WHEN s.id IS NULL THEN '09' ELSE lpad(s.charge, 2, '0') END AS med_chrgitm_type
FROM charged c JOIN clinic.encounter e ON e.id = c.encounter_id JOIN clinic.patient p ON p.id = e.patient_id
LEFT JOIN clinic.medicine m ON product_type = 'medicine' AND m.id = product_id
LEFT JOIN clinic.service s ON product_type = 'service' AND s.id = product_id
WHERE c.invoice_id IS NOT NULL AND coalesce(m.id, s.id) IS NOT NULL;

-- sums: what the lines of each settlement come to: all of the invoice, but for those of products that nobody has registered
SELECT pg_temp.short(i.id) AS setl_id,
       total - coalesce((SELECT sum(amount) FROM pg_temp.charged c WHERE invoice_id = i.id AND product_type = 'medicine'
                         AND product_id NOT IN (SELECT id FROM clinic.medicine)), 0) AS lines
FROM clinic.invoice i WHERE status = 'paid';

-- waiting
SELECT CASE WHEN invoice_id IS NULL THEN 'unsettled' ELSE 'lookup ' || product_type END AS kind, count(*) AS rows
FROM charged c
WHERE invoice_id IS NULL
   OR NOT EXISTS (SELECT FROM clinic.medicine m WHERE product_type = 'medicine' AND m.id = product_id
                  UNION ALL SELECT FROM clinic.service s WHERE product_type = 'service' AND s.id = product_id)
GROUP BY 1;

-- letters
SELECT NULL AS class, NULL AS rule, 0 AS rows WHERE false;

-- rows: that count
SELECT (SELECT count(*) FROM clinic.encounter WHERE status <> 'draft') + (SELECT count(*) FROM clinic.invoice WHERE status = 'paid')
     + (SELECT count(*) FROM clinic.line WHERE status = 'charged') AS rows;
