-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_front PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_front') THEN CREATE ROLE capture_front LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
GRANT USAGE ON SCHEMA front, cdc TO capture_front;
GRANT SELECT ON ALL TABLES IN SCHEMA front, cdc TO capture_front;
GRANT UPDATE ON cdc.heartbeat TO capture_front;
ALTER TABLE front.mdtrt_d REPLICA IDENTITY FULL;
ALTER TABLE front.setl_d REPLICA IDENTITY FULL;
ALTER TABLE front.fee_list_d REPLICA IDENTITY FULL;
CREATE PUBLICATION yibao_front FOR TABLE front.mdtrt_d, front.setl_d, front.fee_list_d, cdc.heartbeat;
