CREATE DATABASE his CHARACTER SET utf8mb4;
CREATE TABLE his.settle (
  settle_no varchar(30) PRIMARY KEY, visit_id varchar(30) NOT NULL, name varchar(50), cert_no varchar(20), settled_at datetime,
  total decimal(16, 2), written_at timestamp NULL);
CREATE TABLE his.charge (
  charge_id bigint PRIMARY KEY, visit_id varchar(30) NOT NULL, occurred_at datetime, amount decimal(16, 2), item_code varchar(10));
CREATE TABLE his.item (code varchar(10) PRIMARY KEY, name varchar(50) CHARACTER SET gbk, unmapped text);
INSERT INTO his.item VALUES ('D1', '阿司匹林', 'x');
INSERT INTO his.settle VALUES
  ('S1', 'V1', '张三', '110101198001010000', '2026-03-01 08:00:00', 10.00, '2026-03-01 08:00:00');
INSERT INTO his.charge VALUES (1, 'V1', '2026-03-01 07:30:00', 10.00, 'D1')
