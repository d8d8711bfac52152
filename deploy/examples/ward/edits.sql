-- A day of the wards, while it is captured. After each step the platform must have what expected.sql says.
SET search_path = ward;

-- step: an edit: all lines are deleted and inserted again under new numbers, one with another quantity
BEGIN;
CREATE TEMPORARY TABLE was ON COMMIT DROP AS SELECT * FROM bill_line WHERE bill_no = 102 ORDER BY no;
DELETE FROM bill_line WHERE bill_no = 102;
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at)
    SELECT bill_no, item_id, CASE item_id WHEN 3 THEN 4 ELSE quantity END, price,
           CASE item_id WHEN 3 THEN 4 * price ELSE amount END, charged_at FROM was ORDER BY no;
UPDATE bill SET total = (SELECT sum(amount) FROM bill_line WHERE bill_no = 102) WHERE no = 102;
COMMIT;

-- step: a bill is paid, of somebody who was never admitted
UPDATE bill SET state = 'paid', paid_at = '2026-05-05 14:00+08' WHERE no = 112;

-- step: an edit before a bill is paid, and paid in the same transaction: nobody knew the former numbers
BEGIN;
CREATE TEMPORARY TABLE was ON COMMIT DROP AS SELECT * FROM bill_line WHERE bill_no = 111 ORDER BY no;
DELETE FROM bill_line WHERE bill_no = 111;
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at)
    SELECT bill_no, item_id, quantity, price, amount, charged_at FROM was ORDER BY no DESC;
UPDATE bill SET state = 'paid', paid_at = '2026-05-05 14:05+08' WHERE no = 111;
COMMIT;

-- step: two equal lines come, and both again under new numbers
BEGIN;
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at)
    SELECT 103, 4, 1, 40, 40, timestamptz '2026-05-05 15:00+08' FROM generate_series(1, 2);
UPDATE bill SET total = total + 80 WHERE no = 103;
COMMIT;
BEGIN;
DELETE FROM bill_line WHERE bill_no = 103 AND quantity = 1;
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at)
    SELECT 103, 4, 1, 40, 40, timestamptz '2026-05-05 15:01+08' FROM generate_series(1, 2);
COMMIT;

-- step: money is paid back, twice
INSERT INTO payment VALUES (900002, 104, 'refund', -12.5, '2026-05-05 16:00+08'), (900003, 104, 'refund', -7.5, '2026-05-05 16:01+08');

-- step: a payment that is no refund, and one of a bill of the same number
INSERT INTO payment VALUES (900004, 105, 'cash', 3, '2026-05-05 16:02+08'), (900005, 106, 'refund', -1, '2026-05-05 16:03+08');

-- step: a refund is taken back
DELETE FROM payment WHERE no = 900003;

-- step: a bill is void, with its lines; a new one of the same lines is paid, in one transaction
BEGIN;
UPDATE bill SET state = 'void' WHERE no = 107;
INSERT INTO bill SELECT 207, admission, person_id, unit_id, 'paid', opened_at, '2026-05-05 17:00+08', total, fund FROM bill WHERE no = 107;
UPDATE bill_line SET bill_no = 207 WHERE bill_no = 107;
COMMIT;

-- step: somebody is admitted after all
UPDATE bill SET admission = 8 WHERE no = 109;

-- step: a stay ends; bills of it say so
BEGIN;
UPDATE admission SET out_at = '2026-05-05 18:00+08' WHERE no = 8;
UPDATE bill SET fund = fund + 1 WHERE admission = 8;
COMMIT;

-- step: a line is deleted, and another one comes, in two transactions: two records
BEGIN;
DELETE FROM bill_line WHERE bill_no = 110 AND item_id = 1;
UPDATE bill SET total = (SELECT sum(amount) FROM bill_line WHERE bill_no = 110) WHERE no = 110;
COMMIT;
BEGIN;
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at) VALUES (110, 1, 10, 10, 100, '2026-05-05 18:30+08');
UPDATE bill SET total = (SELECT sum(amount) FROM bill_line WHERE bill_no = 110) WHERE no = 110;
COMMIT;

-- step: a new bill with its lines, of somebody who was never admitted, and its refund, at once
BEGIN;
INSERT INTO bill VALUES (208, NULL, 3, 2, 'paid', '2026-05-05 19:00+08', '2026-05-05 19:30+08', 30, 0);
INSERT INTO bill_line (bill_no, item_id, quantity, price, amount, charged_at) VALUES (208, 1, 1, 10, 10, '2026-05-05 19:00+08'),
    (208, 2, 1, 20, 20, '2026-05-05 19:00+08');
INSERT INTO payment VALUES (900208, 208, 'refund', -20, '2026-05-05 19:31+08');
COMMIT;
