/// The commands that make a snapshot of a file, and tables for other programs of a snapshot.
extension CommandTable {
  static let build = Command(
    id: .build, path: ["build"], summary: "Make a snapshot of a file: histories and a trained model, without Kafka and Redis.",
    options: [
      CommandOption(
        long: "data", kind: .text, valueName: "FILE", sentence: "Interactions, with times if it has them; - is standard input.",
        isRequired: true),
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "DIRECTORY",
        sentence: "Directory for the snapshot, for export --snapshot; not that of an engine.", isRequired: true),
      CommandOption(
        long: "factors", kind: .text, valueName: "K", sentence: "Length of the vector of each user and item.", key: "model.factors"),
      value,
      CommandOption(long: "force", kind: .flag, sentence: "Add to the snapshots that are in DIRECTORY."),
    ] + reading,
    examples: [
      Command.Example(line: "freshet build --data events.csv --output model", sentence: "Then: freshet export lists --snapshot model."),
      Command.Example(
        line: "freshet build --data s3://shop/events --output model --set model.factors=128", sentence: "Of a directory of Parquet."),
    ])

  static let export = Command(
    id: .export, path: ["export"], summary: "Write what a snapshot holds as a table: Parquet, JSON lines, CSV or NumPy arrays.",
    operands: [
      Command.Operand(
        name: "WHAT",
        sentence:
          "interactions (user, item, strength, time), factors (kind, id, epoch, factors), lists (user, rank, item, score, epoch, source), popular (rank, item, score), similar (item, rank, similar, score, epoch) or candidates (items that may be recommended to each user, with features for a ranker: docs/archive.md)."
      )
    ],
    options: [
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "FILE", defaultValue: "-",
        sentence: "File, or s3://BUCKET/NAME, that appears as a whole; - is standard output."),
      CommandOption(
        long: "format", kind: .choice(["parquet", "jsonl", "csv", "npz"]), valueName: "FORMAT",
        sentence: "Without it, what the name of FILE ends in; jsonl on standard output. npz: factors, and interactions as a sparse matrix."
      ),
      CommandOption(
        long: "postgres", kind: .text, valueName: "URL",
        sentence:
          "Replace the rows of a table in Postgres, such as postgres://recommender@db/shop, in one transaction; the password comes from PGPASSWORD or ~/.pgpass."
      ),
      CommandOption(
        long: "table", kind: .text, valueName: "NAME",
        sentence:
          "The table in Postgres, made if it is not there; WHAT without it. Without --postgres, PGHOST, PGDATABASE and others say where."),
      CommandOption(
        long: "snapshot", kind: .text, valueName: "PLACE",
        sentence: "Directory or store of the snapshots; without it, snapshot.dir, and if there is none in it, snapshot.store."),
      CommandOption(
        long: "users", kind: .text, valueName: "FILE",
        sentence:
          "For lists and candidates: only of the users in FILE, an id a line, in its order; unknown ones get the popular list, and no candidates. - is standard input."
      ),
      CommandOption(
        long: "count", short: "n", kind: .int(1...1000), valueName: "N",
        sentence:
          "For lists, popular and similar: items of each; without it, topn.n and topn.similar_n. For candidates: items of each user; without it, 100."
      ),
      CommandOption(
        long: "recent", kind: .text, valueName: "DURATION", defaultValue: "30d",
        sentence: "For candidates: how far back recent interactions go from the newest event."),
      CommandOption(long: "fresh", kind: .flag, sentence: "Let the running engine write a snapshot first."),
      CommandOption(long: "force", kind: .flag, sentence: "Replace FILE if it exists."),
      CommandOption(
        long: "data", kind: .text, valueName: "FILE",
        sentence:
          "For candidates with labels, to train a ranker: interactions with times in place of a snapshot; - is standard input. A model is trained for each part."
      ),
    ] + candidateReading,
    exclusive: [["fresh", "snapshot", "data"]],
    examples: [
      Command.Example(line: "freshet export lists --output lists.parquet --fresh", sentence: "Every user's list, as of now."),
      Command.Example(line: "freshet export factors --output factors.npz", sentence: "Vectors of users and items for NumPy."),
      Command.Example(
        line: "freshet export interactions --snapshot s3://shop/snapshots --output s3://shop/exports/interactions.parquet",
        sentence: "Without the engine's own machine."),
      Command.Example(
        line: "freshet export lists --snapshot model --users users.txt --output lists.csv", sentence: "Of what build has made."),
      Command.Example(
        line: "freshet export lists --postgres postgres://recommender@db/shop --table shop.lists --fresh", sentence: "For a report."),
      Command.Example(
        line: "freshet export candidates --data events.csv --output training.parquet", sentence: "What a ranker is trained and tested with."
      ),
      Command.Example(
        line: "freshet export candidates --fresh --users users.txt --output now.parquet", sentence: "What it ranks, as of now."),
      Command.Example(line: "freshet export popular", sentence: "As JSON lines, to read."),
    ])

  /// How the file of `export candidates --data` is read and cut. `--format` is that of the table.
  static let candidateReading =
    [
      CommandOption(
        long: "split", kind: .text, valueName: "FIRST,SECOND", defaultValue: "0.7,0.85",
        sentence:
          "With --data: the shares of the events before the two cuts. Features of the part train are from before the first cut and its labels from between the cuts; those of test from before the second and from the rest."
      ), value,
    ]
    + reading.map { option in
      guard option.long == "format" else { return option }
      return CommandOption(long: "data-format", kind: option.kind, valueName: option.valueName, sentence: option.sentence)
    }
}
