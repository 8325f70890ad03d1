import Datasets

/// Options of the commands that read a file of interactions, and the command that checks one.
extension CommandTable {
  /// How a file is read; what is not said is found in the file.
  static let reading: [CommandOption] = [
    CommandOption(
      long: "columns", kind: .text, valueName: "FIELD=COLUMN,...",
      sentence:
        "Which column holds which field, by name or number from 1: user=visitorid,item=3,time=. The fields are user, item, value, type, time, id and op; nothing after = leaves one out. Without it, the names in the header decide, else the order user, item, value, time."
    ),
    CommandOption(
      long: "delimiter", kind: .text, valueName: "CHARACTER",
      sentence: "What separates columns: tab, comma, semicolon, pipe, space, ::, or a character. Without it, it is recognised."),
    CommandOption(
      long: "header", kind: .choice(["yes", "no"]), valueName: "yes|no",
      sentence: "Whether the first line names the columns. Without it, it is recognised."),
    CommandOption(
      long: "time-format", kind: .text, valueName: "PATTERN",
      sentence:
        "How times are written, such as 'dd-MM-yyyy HH:mm' or 'M/d/yyyy h:mm:ss a [-05:00]'; or their unit: seconds, milliseconds, microseconds, nanoseconds, days. Without it, everything with one meaning is read."
    ),
    CommandOption(
      long: "encoding", kind: .choice(TextEncoding.allCases.map(\.rawValue)),
      valueName: TextEncoding.allCases.map(\.rawValue).joined(separator: "|"),
      sentence: "Encoding of the file. Without it, it is recognised."),
    CommandOption(
      long: "format", kind: .choice(["tsv", "csv", "jsonl"]), valueName: "tsv|csv|jsonl",
      sentence: "Format: text in columns or one JSON event per line. Without it, the name of the file or its first line decides."),
    CommandOption(
      long: "accept-columns", kind: .flag, sentence: "Read columns that look like something else, with a warning in place of an error."),
    CommandOption(
      long: "rejects", kind: .text, valueName: "FILE",
      sentence: "Write each line that cannot be used to this file: its number, the reason and the line, separated by tabs."),
  ]

  static let validate = Command(
    id: .validate, path: ["validate"],
    summary:
      "Check a file, or the newest records of a topic, and say how they are read: columns, rejected lines, counts, the mapping to use.",
    operands: [
      Command.Operand(name: "FILE", sentence: "File to check; - is standard input. Without it, the topic of --topic.", isRequired: false)
    ],
    options: [
      CommandOption(
        long: "last", kind: .int(1...10_000_000), valueName: "N", defaultValue: "10000",
        sentence: "With --topic: read the newest N records.")
    ] + reading,
    examples: [
      Command.Example(
        line: "freshet validate clicks.csv", sentence: "What each column is taken for, what would be rejected, and what looks wrong."),
      Command.Example(
        line: "freshet validate clicks.csv --columns user=1,item=3,time=2 --json", sentence: "For a program, with other columns."),
      Command.Example(
        line: "freshet validate --topic clicks --last 50000", sentence: "The newest records of a topic, with their keys and partitions."),
    ])
}
