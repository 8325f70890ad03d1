"""Trains Freshet's model with Spark: `retrain.external.command = "python3 /path/to/train.py"`.

The engine starts this in a directory that has `interactions.parquet` (user, item, strength, time) and `settings.json`
(factors, seed). It reads back `item_factors.npy`, a row of `factors` floats for each item, and `item_ids.txt` with
their ids; the vectors of users follow from these by fold-in. Whatever else writes these two files can take the place
of Spark.

Needs pyspark, numpy and Java 17. Without a cluster it runs on the cores of this machine; set SPARK_MASTER for one, and
the directory must then be on a file system that all of it can read.
"""

import json
import os
import pathlib

import numpy
from pyspark.ml.feature import StringIndexer
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

# Spark scales the regularization with the ratings of a row only: it wants a smaller alpha and a larger regParam.
ALPHA = float(os.environ.get("ALS_ALPHA", "3"))
REGULARIZATION = float(os.environ.get("ALS_REGULARIZATION", "0.2"))
ITERATIONS = int(os.environ.get("ALS_ITERATIONS", "5"))


def main() -> None:
    settings = json.loads(pathlib.Path("settings.json").read_text())
    cores = os.cpu_count() or 1
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    spark = (
        SparkSession.builder.appName("freshet")
        .master(os.environ.get("SPARK_MASTER", f"local[{cores}]"))
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", str(cores))
        .getOrCreate()
    )
    pairs = spark.read.parquet(str(pathlib.Path("interactions.parquet").resolve()))
    users = StringIndexer(inputCol="user", outputCol="user_number").fit(pairs)
    items = StringIndexer(inputCol="item", outputCol="item_number").fit(pairs)
    ratings = items.transform(users.transform(pairs)).selectExpr(
        "cast(user_number as int) AS user", "cast(item_number as int) AS item", "strength AS rating"
    )
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
    numpy.save("item_factors.npy", numpy.array([row.features for row in rows], dtype=numpy.float32))
    names = items.labels
    pathlib.Path("item_ids.txt").write_text("".join(f"{names[row.id]}\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} items, {len(users.labels)} users, {ITERATIONS} iterations")
    spark.stop()


if __name__ == "__main__":
    main()
