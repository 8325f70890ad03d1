/// The command that takes lists of other programs.
extension CommandTable {
  static let importLists = Command(
    id: .importLists, path: ["import", "lists"],
    summary: "Write lists that another program made to Redis, for the gateway to blend with the engine's (gateway.imported).",
    operands: [
      Command.Operand(
        name: "FILE",
        sentence:
          "Lines of user, item, and score or rank: delimited text whose first line names these columns, JSON lines, plain or gzip, or Parquet; - is standard input. The lines of a user follow each other.",
        isRequired: false)
    ],
    options: [
      CommandOption(
        long: "name", kind: .text, valueName: "NAME", defaultValue: "imported",
        sentence: "What the lists are called in gateway.imported, in answers and in metrics."),
      CommandOption(
        long: "ttl", kind: .text, valueName: "DURATION", defaultValue: "2d",
        sentence: "Time after which a list is shown no more, such as 36h or 7d."),
      CommandOption(
        long: "count", short: "n", kind: .int(1...1000), valueName: "N", defaultValue: "100",
        sentence: "Items of a user that are kept, the best ones."),
      CommandOption(
        long: "replace", kind: .flag,
        sentence: "Users who are not in FILE lose their list of this name. Readers change from all old lists to all new ones at the end."),
      CommandOption(long: "remove", kind: .flag, sentence: "Remove all lists of this name; without FILE."),
      CommandOption(
        long: "accept-rejects", kind: .flag, sentence: "Import a file of which more than a tenth of the lines cannot be used."),
      CommandOption(
        long: "rejects", kind: .text, valueName: "FILE",
        sentence: "Write each line that cannot be used to this file: its number, the reason and the line, separated by tabs."),
    ],
    exclusive: [["replace", "remove"], ["ttl", "remove"], ["count", "remove"], ["rejects", "remove"], ["accept-rejects", "remove"]],
    examples: [
      Command.Example(line: "freshet import lists ranked.csv --name ranker --replace", sentence: "Every night, all lists at once."),
      Command.Example(
        line: "freshet import lists - --name ranker --ttl 6h", sentence: "Lists of some users, from a program behind a pipe."),
      Command.Example(
        line: "freshet import lists lists.csv --name weekly",
        sentence: "Lists of another model, as export lists wrote them."),
      Command.Example(line: "freshet import lists --remove --name ranker", sentence: "Take them all away."),
    ])
}
