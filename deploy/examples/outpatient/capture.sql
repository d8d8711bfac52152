-- What capture needs: a role, the rows of deletions, a publication, a table for signs of life. Its password is set apart:
-- ALTER ROLE capture_outpatient PASSWORD '…'
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capture_outpatient') THEN CREATE ROLE capture_outpatient LOGIN REPLICATION; END IF;
END $$;
CREATE SCHEMA cdc;
CREATE TABLE cdc.heartbeat (id integer PRIMARY KEY, ts timestamptz NOT NULL);
INSERT INTO cdc.heartbeat VALUES (1, now());
-- A table without a key: what the mapping takes for one must be one, or rows would take each other for the same.
ALTER TABLE 门诊."费用明细（门诊）" ALTER COLUMN 流水号 SET NOT NULL;
CREATE UNIQUE INDEX ON 门诊."费用明细（门诊）" (流水号);
DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '门诊' LOOP EXECUTE format('ALTER TABLE 门诊.%I REPLICA IDENTITY FULL', t); END LOOP;
END $$;
GRANT USAGE ON SCHEMA 门诊, cdc TO capture_outpatient;
GRANT SELECT ON ALL TABLES IN SCHEMA 门诊, cdc TO capture_outpatient;
GRANT UPDATE ON cdc.heartbeat TO capture_outpatient;
CREATE PUBLICATION yibao_outpatient FOR TABLE 门诊.病人档案, 门诊.科室档案, 门诊.收费项目, 门诊.挂号记录, 门诊."费用明细（门诊）", 门诊.发票, 门诊.发票明细,
    cdc.heartbeat;
