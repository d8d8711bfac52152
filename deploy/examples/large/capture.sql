-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_large PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_large') THEN CREATE ROLE capture_large LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'his' LOOP EXECUTE format('ALTER TABLE his.%I REPLICA IDENTITY FULL', t); END LOOP;
END $$;
GRANT USAGE ON SCHEMA his, cdc TO capture_large;
GRANT SELECT ON ALL TABLES IN SCHEMA his, cdc TO capture_large;
GRANT UPDATE ON cdc.heartbeat TO capture_large;
CREATE PUBLICATION yibao_large FOR TABLE his.br, his.ks, his.xm, his.mz_jz, his.mz_js, his.mz_cf, his.mz_cf_2025,
    his.mz_cf_2026, his.mz_cfmx, his.mz_cfmx_2025, his.mz_cfmx_2026, his.zy_jz, his.zy_js, his.zy_fy, cdc.heartbeat;
