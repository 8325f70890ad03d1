/// The command that sets runs side by side.
extension CommandTable {
  static let compare = Command(
    id: .compare, path: ["compare"],
    summary: "Compare runs on one page, with tables and drawings: settings that differ, figures, series, input, time and memory.",
    operands: [
      Command.Operand(
        name: "RUN",
        sentence: "Id of a run, a part of it that no other has, last, last:KIND, or the path of a record's JSON file; 1 to 12 of them. "
          + "Differences are to the first one.",
        isRepeated: true)
    ],
    options: [
      CommandOption(
        long: "output", short: "o", kind: .text, valueName: "FILE",
        sentence: "HTML file for the page, which needs no other file; - is standard output. Without it, compare.html, or none with --json. "
          + "An earlier page is replaced."),
      CommandOption(long: "force", kind: .flag, sentence: "Replace FILE if it exists and is not such a page."),
    ],
    examples: [
      Command.Example(line: "freshet compare 9f3a1c 77b0e2", sentence: "Two runs, in compare.html; freshet runs list shows the ids."),
      Command.Example(line: "freshet compare last:tune -o tune.html", sentence: "One run, as a report."),
      Command.Example(line: "freshet compare baseline.json last --json", sentence: "For a program: settings that differ, and the figures."),
    ])
}
