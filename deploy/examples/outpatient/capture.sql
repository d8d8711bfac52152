-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_outpatient PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_outpatient') THEN CREATE ROLE capture_outpatient LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
DO $$ DECLARE t text; BEGIN -- also of the table that has no key: without it, it could not even be updated once it is published
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '门诊' LOOP EXECUTE format('ALTER TABLE 门诊.%I REPLICA IDENTITY FULL', t); END LOOP;
END $$;
GRANT USAGE ON SCHEMA 门诊, cdc TO capture_outpatient;
GRANT SELECT ON ALL TABLES IN SCHEMA 门诊, cdc TO capture_outpatient;
GRANT UPDATE ON cdc.heartbeat TO capture_outpatient;
CREATE PUBLICATION yibao_outpatient FOR TABLE 门诊.病人档案, 门诊.科室档案, 门诊.收费项目, 门诊.挂号记录, 门诊."费用明细（门诊）", 门诊.发票, 门诊.发票明细,
    cdc.heartbeat;
