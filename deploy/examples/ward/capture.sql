-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_ward PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_ward') THEN CREATE ROLE capture_ward LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
ALTER TABLE ward.unit REPLICA IDENTITY FULL;
ALTER TABLE ward.person REPLICA IDENTITY FULL;
ALTER TABLE ward.item REPLICA IDENTITY FULL;
ALTER TABLE ward.admission REPLICA IDENTITY FULL;
ALTER TABLE ward.bill REPLICA IDENTITY FULL;
ALTER TABLE ward.bill_line REPLICA IDENTITY FULL;
ALTER TABLE ward.payment REPLICA IDENTITY FULL;
GRANT USAGE ON SCHEMA ward, cdc TO capture_ward;
GRANT SELECT ON ALL TABLES IN SCHEMA ward, cdc TO capture_ward;
GRANT UPDATE ON cdc.heartbeat TO capture_ward;
CREATE PUBLICATION yibao_ward FOR TABLE ward.unit, ward.person, ward.item, ward.admission, ward.bill,
    ward.bill_line, ward.payment, cdc.heartbeat;
