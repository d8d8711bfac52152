-- A day of the clinic, while it is captured. After each step the platform must have what expected.sql says.
SET search_path = clinic;

-- step: a draft begins to count, and is paid in the same transaction
BEGIN;
UPDATE encounter SET status = 'open', updated_at = '2026-05-04 13:00+08' WHERE id = '22222222-0000-4000-8000-000000000011';
UPDATE line SET status = 'charged' WHERE encounter_id = '22222222-0000-4000-8000-000000000011';
INSERT INTO invoice VALUES ('44444444-0000-4000-8000-000000000011', '22222222-0000-4000-8000-000000000011', 'paid',
    '33333333-0000-4000-8000-000000000111,33333333-0000-4000-8000-000000000112,33333333-0000-4000-8000-000000000113',
    (SELECT sum(amount) FROM line WHERE encounter_id = '22222222-0000-4000-8000-000000000011'), 100, '2026-05-04 13:00:05.9+08');
COMMIT;

-- step: a draft invoice is none; its lines go on waiting
INSERT INTO invoice VALUES ('44444444-0000-4000-8000-000000000001', '22222222-0000-4000-8000-000000000001', 'draft',
    '33333333-0000-4000-8000-000000000011, 33333333-0000-4000-8000-000000000012',
    12 + 8.64, 0, NULL);

-- step: it is paid, of two of the three lines
UPDATE invoice SET status = 'paid', paid_at = '2026-05-04 14:00+08' WHERE id = '44444444-0000-4000-8000-000000000001';

-- step: a second invoice takes the third line, and one of the first
BEGIN;
UPDATE invoice SET line_ids = '33333333-0000-4000-8000-000000000011', total = 12
    WHERE id = '44444444-0000-4000-8000-000000000001';
INSERT INTO invoice VALUES ('44444444-0000-4000-8000-000000000099', '22222222-0000-4000-8000-000000000001', 'paid',
    '33333333-0000-4000-8000-000000000013 , 33333333-0000-4000-8000-000000000012', 8.64 + 12.96, 10, '2026-05-04 14:05+08');
COMMIT;

-- step: a quantity is corrected, and with it the total
BEGIN;
UPDATE line SET quantity = 3, amount = 3 * price WHERE id = '33333333-0000-4000-8000-000000000022';
UPDATE invoice SET total = (SELECT sum(amount) FROM line WHERE encounter_id = '22222222-0000-4000-8000-000000000002')
    WHERE id = '44444444-0000-4000-8000-000000000002';
COMMIT;

-- step: a line of a product that nobody has registered yet
BEGIN;
INSERT INTO line VALUES ('33333333-0000-4000-8000-000000000034', '22222222-0000-4000-8000-000000000003', 'charged', 'medicine', 4, 2, 5, 10,
    '2026-05-04 14:10+08');
INSERT INTO invoice SELECT '44444444-0000-4000-8000-000000000003', encounter_id, 'paid', string_agg(id::text, ','), sum(amount), 0, '2026-05-04 14:11+08'
    FROM line WHERE encounter_id = '22222222-0000-4000-8000-000000000003' GROUP BY 2;
COMMIT;

-- step: now it is; service 4 comes, too, and is another thing
BEGIN;
INSERT INTO service VALUES (4, '换药', '001206000010000', '5');
INSERT INTO medicine VALUES (4, '氯化钠注射液', 'XB05XAL147B002010100004', 'A');
COMMIT;

-- step: an invoice is void, and another one of the same lines is paid, in one transaction
BEGIN;
UPDATE invoice SET status = 'void' WHERE id = '44444444-0000-4000-8000-000000000004';
INSERT INTO invoice SELECT '44444444-0000-4000-8000-000000000098', encounter_id, 'paid', line_ids, total, fund + 1, '2026-05-04 15:00+08'
    FROM invoice WHERE id = '44444444-0000-4000-8000-000000000004';
COMMIT;

-- step: a line is cancelled, and leaves the list
BEGIN;
UPDATE line SET status = 'cancelled' WHERE id = '33333333-0000-4000-8000-000000000063';
UPDATE invoice SET line_ids = replace(line_ids, ', 33333333-0000-4000-8000-000000000063', ''),
    total = total - (SELECT amount FROM line WHERE id = '33333333-0000-4000-8000-000000000063')
    WHERE id = '44444444-0000-4000-8000-000000000006';
COMMIT;

-- step: an encounter is closed
UPDATE encounter SET status = 'closed', closed_at = '2026-05-04 16:00+08', updated_at = '2026-05-04 16:00+08'
    WHERE id = '22222222-0000-4000-8000-000000000003';
