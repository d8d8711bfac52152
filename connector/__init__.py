"""The capture control plane: plans and applies topics and Debezium connectors. It never touches a record."""
