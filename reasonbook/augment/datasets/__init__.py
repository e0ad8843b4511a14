"""Datasets: more rows than fit in memory, in files and Dask frames."""
