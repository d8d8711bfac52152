"""The alerts: one table, from which Prometheus's rules are made, and by which `yibao watch` decides where there is none."""
