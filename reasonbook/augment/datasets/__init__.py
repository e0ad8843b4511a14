"""Datasets: more rows than fit in memory, in Parquet files and Dask frames."""
