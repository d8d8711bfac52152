-- What the vendor's program does while the tables are captured. After each step the platform must have what expected.sql says.
SET search_path = front;

-- step: a settlement comes after its lines
INSERT INTO setl_d SELECT 'S6', mdtrt_id, psn_no, psn_name, '01', certno, gend, brdy, age, '390', '14', fixmedins_code, fixmedins_name, endtime, '11',
    20.4, 0, 0, 0, 20.4, 10, 0.5, 10, 10.4, 0, endtime FROM mdtrt_d WHERE mdtrt_id = 'J6';

-- step: the whole day is written anew, with one line corrected: nothing else is reported again
BEGIN;
CREATE TEMP TABLE day ON COMMIT DROP AS SELECT * FROM fee_list_d;
DELETE FROM fee_list_d;
UPDATE day SET cnt = 3, det_item_fee_sumamt = 20.4 WHERE bkkp_sn = 'L12';
INSERT INTO fee_list_d SELECT * FROM day;
UPDATE setl_d SET medfee_sumamt = 27.2, inscp_amt = 27.2, psn_pay = 17.2 WHERE setl_id = 'S1';
COMMIT;

-- step: settlements are written anew in two transactions: the second comes soon after
CREATE TEMP TABLE paid AS SELECT * FROM setl_d WHERE setl_id IN ('S3', 'S4');
DELETE FROM setl_d WHERE setl_id IN ('S3', 'S4');
INSERT INTO setl_d SELECT * FROM paid;

-- step: a visit is taken back with all that belongs to it
BEGIN;
UPDATE fee_list_d SET state = '0' WHERE mdtrt_id = 'J2';
UPDATE setl_d SET state = '0' WHERE mdtrt_id = 'J2';
UPDATE mdtrt_d SET state = '0' WHERE mdtrt_id = 'J2';
COMMIT;
