import Evaluation

/// The commands that make models and lists of files, without Kafka and Redis.
extension CommandTable {
  static let recommend = Command(
    id: .recommend, path: ["recommend"],
    summary: "Read a user's list from Redis, or make lists of a model directory; an unknown user gets the popular one.",
    operands: [Command.Operand(name: "USER", sentence: "Id of the user; optional with --model.", isRequired: false)],
    options: [
      CommandOption(
        long: "count", short: "n", kind: .int(1...10_000), valueName: "N",
        sentence: "Items of a list; 10 to print, and topn.n for each list of a file, without it."),
      CommandOption(long: "exclude", kind: .text, valueName: "ITEM,...", sentence: "Items to leave out of USER's list.", isRepeated: true),
      CommandOption(
        long: "model", kind: .text, valueName: "DIR",
        sentence: "Directory that freshet build has made, or another directory or store of snapshots; neither Kafka nor Redis is used."),
      CommandOption(
        long: "users", kind: .text, valueName: "FILE",
        sentence: "With --model: the users in FILE, an id a line, in its order; - is standard input. Without it and USER, all users."),
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "FILE", defaultValue: "-",
        sentence: "With --model: file, or s3://BUCKET/NAME, for the lists, which appears as a whole; - is standard output."),
      CommandOption(
        long: "format", kind: .choice(["parquet", "jsonl", "csv"]), valueName: "parquet|jsonl|csv",
        sentence: "With --model: format of FILE. Without it, what its name ends in; jsonl on standard output."),
      CommandOption(long: "force", kind: .flag, sentence: "With --model: replace FILE if it exists."),
    ],
    examples: [
      Command.Example(line: "freshet recommend 17850 -n 5", sentence: "The first five items."),
      Command.Example(line: "freshet recommend 17850 --exclude 22423,85123A --json", sentence: "For a program, without two items."),
      Command.Example(
        line: "freshet recommend --model model --users users.txt --output lists.parquet", sentence: "A file of lists, without servers."),
      Command.Example(line: "freshet recommend 17850 --model model", sentence: "One list of a model directory, to read."),
    ])

  static let split = Command(
    id: .split, path: ["split"], summary: "Cut a file into a part to train on and a part to test with.",
    options: [
      CommandOption(
        long: "data", kind: .text, valueName: "FILE", sentence: "Interactions, with times if they decide; the file is read twice.",
        isRequired: true),
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "DIR",
        sentence: "Directory for train.csv and test.csv, or train.jsonl and test.jsonl of JSON lines.", isRequired: true),
      CommandOption(
        long: "by", kind: .choice(RowSplit.Rule.allCases.map(\.rawValue)), valueName: "time|user|random", defaultValue: "time",
        sentence: "What is for the test: everything since one time, so that no row to train on is as new; the newest rows of each user; "
          + "or rows by chance, as is usual for ratings."),
      CommandOption(
        long: "test-share", kind: .double(0.001...0.9), valueName: "SHARE", defaultValue: "0.2",
        sentence: "Share of the rows for the test; rows of the time of the cut are all in the test."),
      CommandOption(
        long: "split-seed", kind: .int(0...Int.max), valueName: "N", defaultValue: "98765", sentence: "Seed of --by random."),
      CommandOption(long: "force", kind: .flag, sentence: "Replace the files if they exist."),
    ] + reading,
    examples: [
      Command.Example(
        line: "freshet split --data events.csv --output parts",
        sentence: "The newest 20 % for the test; then train --train parts/train.csv."),
      Command.Example(
        line: "freshet split --data ratings.csv --output parts --by random --test-share 0.1", sentence: "Ratings, by chance."),
    ])

  static let evaluateModel = Command(
    id: .evaluateModel, path: ["evaluate", "model"],
    summary: "Measure the factors that freshet train has written with a test file: recall and nDCG, or RMSE and MAE of ratings.",
    options: [
      CommandOption(
        long: "model", kind: .text, valueName: "DIR", sentence: "Directory of train --output; of --explicit too, which is recognised.",
        isRequired: true),
      CommandOption(long: "train", kind: .text, valueName: "FILE", sentence: "What it was trained on.", isRequired: true),
      CommandOption(long: "test", kind: .text, valueName: "FILE", sentence: "Interactions or ratings to measure with.", isRequired: true),
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "FILE", sentence: "Write the figures to FILE, too, as one JSON object."),
      CommandOption(long: "force", kind: .flag, sentence: "Replace FILE if it exists."),
      baselines, resamples,
      CommandOption(
        long: "split-seed", kind: .int(0...Int.max), valueName: "N", defaultValue: "98765", sentence: "Seed of the intervals."),
      CommandOption(long: "threads", kind: .text, valueName: "P", sentence: "Threads.", key: "retrain.threads"),
      value,
    ] + reading,
    examples: [
      Command.Example(
        line: "freshet evaluate model --model factors --train train.csv --test test.csv --output metrics.json",
        sentence: "Without training again.")
    ],
    presets: staticPresets)

  static let runJob = Command(
    id: .runJob, path: ["run"],
    summary: "Run a job that a JSON document declares: get and split data, train, evaluate, save a model, and make lists of it.",
    operands: [Command.Operand(name: "JOB.json", sentence: "The document; paths in it are relative to its directory.")],
    options: [
      CommandOption(
        long: "only", kind: .text, valueName: "STEP,...", sentence: "Run these steps of the job, with what the others have made before.",
        isRepeated: true),
      CommandOption(long: "from", kind: .text, valueName: "STEP", sentence: "Run this step and those after it."),
      CommandOption(long: "dry-run", kind: .flag, sentence: "Print the command line of each step and run none."),
      CommandOption(
        long: "output-dir", short: "o", kind: .text, valueName: "DIR",
        sentence: "Directory for what the job makes; without it, output in the document, or its name without .json. What a run of the job "
          + "left there is replaced."),
    ],
    exclusive: [["only", "from"]],
    examples: [
      Command.Example(line: "freshet run job.json", sentence: "All steps, each as a command of its own would do it."),
      Command.Example(line: "freshet run job.json --dry-run", sentence: "The command lines, to read or to run by hand."),
      Command.Example(line: "freshet run job.json --from train --set model.factors=128", sentence: "Again, with another setting."),
    ])
}
