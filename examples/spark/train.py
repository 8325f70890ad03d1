"""Trains Freshet's model with Spark: `retrain.external.command = "python3 /path/to/train.py"`.

The engine starts this in a directory that has `interactions.parquet` (user, item, strength, time) and `settings.json`
(factors, seed). It reads back `item_factors.npy`, a row of `factors` floats for each item, and `item_ids.txt` with
their ids; the vectors of users follow from these by fold-in, so nothing is written of users. Whatever else writes
these two files can take the place of Spark.

Needs pyspark, numpy and Java 17. So started, it uses the cores of this machine. For a cluster, the command is

    spark-submit --master spark://HOST:7077 --driver-memory 2g --executor-memory 8g /path/to/train.py

and `instance.data_dir` must be on a file system that all executors have at the same path. OpenBLAS makes the training
faster: on Debian, install libopenblas0-pthread on every machine that computes.
"""

import json
import os
import pathlib
import time

import numpy
from pyspark.ml.feature import StringIndexer
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession

# Spark scales the regularization of a row with the number of its pairs only, so its settings are not Freshet's:
# docs/model.md says how to translate them, and what these reach.
ALPHA = float(os.environ.get("ALS_ALPHA", "3"))
REGULARIZATION = float(os.environ.get("ALS_REGULARIZATION", "0.2"))
ITERATIONS = int(os.environ.get("ALS_ITERATIONS", "5"))
# An item gets a vector from this number of users on, as `model.min_support` says for trainings by Freshet.
MIN_SUPPORT = int(os.environ.get("ALS_MIN_SUPPORT", "2"))


def session() -> SparkSession:
    # These reach a JVM that is started from here. That of spark-submit runs already, with the settings of the cluster.
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    builder = SparkSession.builder.appName("freshet").config("spark.ui.enabled", "false")
    # The last line of the output is what a failed job says: no progress, and no words of spark-submit at the end.
    spark = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    return spark


def supported(pairs: DataFrame) -> DataFrame:
    # An id with a line break has no place in item_ids.txt.
    pairs = pairs.where(~pairs["item"].contains("\n"))
    counts = pairs.groupBy("item").count()
    return pairs.join(counts.where(counts["count"] >= MIN_SUPPORT), "item", "left_semi")


def main() -> None:
    settings = json.loads(pathlib.Path("settings.json").read_text())
    spark = session()
    cores = spark.sparkContext.defaultParallelism
    print(f"Spark {spark.version} on {cores} cores", flush=True)
    spark.conf.set("spark.sql.shuffle.partitions", str(cores))
    # With the scheme, for the file system of a cluster may be another one.
    pairs = supported(spark.read.parquet(f"file://{pathlib.Path('interactions.parquet').resolve()}"))
    # ALS takes numbers only.
    indexer = StringIndexer(inputCols=["user", "item"], outputCols=["user_number", "item_number"]).fit(pairs)
    ratings = (
        indexer.transform(pairs)
        .selectExpr("cast(user_number AS int) AS user", "cast(item_number AS int) AS item", "strength AS rating")
        .cache()
    )
    print(f"{ratings.count()} pairs, {ITERATIONS} iterations", flush=True)
    begin = time.monotonic()
    model = ALS(
        rank=settings["factors"],
        maxIter=ITERATIONS,
        regParam=REGULARIZATION,
        alpha=ALPHA,
        implicitPrefs=True,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
        seed=int(settings["seed"]) % (1 << 31),
        # The default of 10 blocks costs double on a few cores.
        numUserBlocks=cores,
        numItemBlocks=cores,
    ).fit(ratings)
    rows = sorted(model.itemFactors.collect(), key=lambda row: row.id)
    seconds = time.monotonic() - begin
    names = indexer.labelsArray[1]
    numpy.save("item_factors.npy", numpy.array([row.features for row in rows], dtype=numpy.float32))
    pathlib.Path("item_ids.txt").write_text("".join(f"{names[row.id]}\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} items in {seconds:.2f} s")
    spark.stop()


if __name__ == "__main__":
    main()
