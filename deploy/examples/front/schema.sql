-- An intermediate database (前置库): a vendor's program fills tables that carry the interface's own names and columns, of two
-- institutions, and rewrites whole days. All persons are invented; their numbers are of an area that does not exist.
CREATE SCHEMA front;
SET search_path = front;

-- state is the vendor's: 0 is a row that it took back.
CREATE TABLE mdtrt_d (
    mdtrt_id varchar(30), psn_no varchar(30), psn_cert_type varchar(6), certno varchar(100), psn_name varchar(50),
    gend varchar(6), brdy date, age numeric(4, 1), insutype varchar(6), psn_type varchar(6), cvlserv_flag varchar(3),
    insu_admdvs varchar(6), pay_loc varchar(6), fixmedins_code varchar(40), fixmedins_name varchar(200), hosp_lv varchar(6),
    begntime timestamp, endtime timestamp, mdtrt_cert_no varchar(50), med_type varchar(6), adm_dept_codg varchar(30),
    adm_dept_name varchar(100), dscg_dept_codg varchar(30), dscg_dept_name varchar(100), inhosp_stas varchar(3),
    vali_flag varchar(3), updt_time timestamp, crte_time timestamp, opt_time timestamp, adm_caty varchar(6),
    dscg_caty varchar(6),
    state char(1) NOT NULL DEFAULT '1', PRIMARY KEY (mdtrt_id)
);
CREATE TABLE setl_d (
    setl_id varchar(30), mdtrt_id varchar(30), psn_no varchar(30), psn_name varchar(50), psn_cert_type varchar(6),
    certno varchar(50), gend varchar(6), brdy date, age numeric(4, 1), insutype varchar(6), psn_type varchar(6),
    fixmedins_code varchar(100), fixmedins_name varchar(100), setl_time timestamp, med_type varchar(6),
    medfee_sumamt numeric(16, 2), fulamt_ownpay_amt numeric(16, 2), overlmt_selfpay numeric(16, 2),
    preselfpay_amt numeric(16, 2), inscp_amt numeric(16, 2), hifp_pay numeric(16, 2), pool_prop_selfpay numeric(5, 4),
    fund_pay_sumamt numeric(16, 2), psn_pay numeric(16, 2), acct_pay numeric(16, 2), crte_time timestamp,
    state char(1) NOT NULL DEFAULT '1', PRIMARY KEY (setl_id)
);
CREATE TABLE fee_list_d (
    bkkp_sn varchar(30), mdtrt_id varchar(30), fee_ocur_time timestamp, setl_id varchar(30), rx_drord_no varchar(30),
    fixmedins_code varchar(30), fixmedins_name varchar(200), psn_no varchar(30), psn_insu_rlts_id varchar(20),
    insu_admdvs varchar(6), pay_loc varchar(6), med_type varchar(6), cnt numeric(16, 4), pric numeric(16, 6),
    det_item_fee_sumamt numeric(16, 2), chrgitm_lv varchar(3), hilist_code varchar(50), hilist_name varchar(200),
    list_type varchar(6), med_list_codg varchar(50), medins_list_codg varchar(150), medins_list_name varchar(100),
    med_chrgitm_type varchar(6),
    state char(1) NOT NULL DEFAULT '1', PRIMARY KEY (bkkp_sn)
);

INSERT INTO mdtrt_d SELECT 'J' || n, '3699000000000000040' || n, '01', c.id, c.name, c.sex, c.born, extract(year FROM age(date '2026-05-04', c.born)),
    '390', '14', '0', '361102', '2', c.org, c.org_name, '05', timestamp '2026-05-04 08:00' + n * interval '10 min',
    timestamp '2026-05-04 10:00' + n * interval '10 min', 'K' || n, '11', 'D1', '内科', 'D1', '内科', '0', '1', '2026-05-04 10:00', '2026-05-04 08:00',
    '2026-05-04 10:00', 'A03', 'A03'
FROM generate_series(1, 6) n JOIN (VALUES
    (0, '369902199912310072', '桁甲一', '1', date '1999-12-31', 'H36110200007', '示例卫生院'),
    (1, '369902200102151183', '绾乙二', '2', date '2001-02-15', 'H36110200008', '示例社区卫生服务中心')) c(rest, id, name, sex, born, org, org_name)
    ON rest = n % 2;
INSERT INTO fee_list_d SELECT 'L' || n || m, mdtrt_id, begntime + interval '5 min', 'S' || n, 'C' || n, fixmedins_code, fixmedins_name, psn_no, 'R' || n,
    '361102', '2', '11', m, 6.8, 6.8 * m, '01', '001204000010000', '肌肉注射', '201', '001204000010000', 'Z2', '肌肉注射', '05'
FROM mdtrt_d JOIN generate_series(1, 6) n ON mdtrt_id = 'J' || n, generate_series(1, 2) m;
INSERT INTO setl_d SELECT 'S' || n, mdtrt_id, psn_no, psn_name, '01', certno, gend, brdy, age, '390', '14', fixmedins_code, fixmedins_name, endtime, '11',
    20.4, 0, 0, 0, 20.4, 10, 0.5, 10, 10.4, 0, endtime
FROM mdtrt_d JOIN generate_series(1, 5) n ON mdtrt_id = 'J' || n;
