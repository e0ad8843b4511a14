"""Datasets: augmentation of more rows than fit in memory: Parquet files and Dask frames."""
