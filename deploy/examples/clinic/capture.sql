-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_clinic PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_clinic') THEN CREATE ROLE capture_clinic LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
ALTER TABLE clinic.department REPLICA IDENTITY FULL;
ALTER TABLE clinic.patient REPLICA IDENTITY FULL;
ALTER TABLE clinic.medicine REPLICA IDENTITY FULL;
ALTER TABLE clinic.service REPLICA IDENTITY FULL;
ALTER TABLE clinic.encounter REPLICA IDENTITY FULL;
ALTER TABLE clinic.line REPLICA IDENTITY FULL;
ALTER TABLE clinic.invoice REPLICA IDENTITY FULL;
GRANT USAGE ON SCHEMA clinic, cdc TO capture_clinic;
GRANT SELECT ON ALL TABLES IN SCHEMA clinic, cdc TO capture_clinic;
GRANT UPDATE ON cdc.heartbeat TO capture_clinic;
CREATE PUBLICATION yibao_clinic FOR TABLE clinic.department, clinic.patient, clinic.encounter, clinic.line,
    clinic.invoice, cdc.heartbeat;
CREATE PUBLICATION yibao_clinic_catalogue FOR TABLE clinic.medicine, clinic.service, cdc.heartbeat;
