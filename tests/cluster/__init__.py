"""`make chart-cluster`: the chart on a real control plane."""
