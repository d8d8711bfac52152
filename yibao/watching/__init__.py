"""`yibao watch`: the alerts of a site without Prometheus, and who is told of them."""
