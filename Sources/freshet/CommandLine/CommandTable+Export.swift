/// The command that writes tables for other programs.
extension CommandTable {
  static let export = Command(
    id: .export, path: ["export"], summary: "Write what a snapshot holds as a table: Parquet, JSON lines, CSV or NumPy arrays.",
    operands: [
      Command.Operand(
        name: "WHAT",
        sentence:
          "interactions (user, item, strength, time), factors (kind, id, epoch, factors), lists (user, rank, item, score, epoch, source), popular (rank, item, score) or similar (item, rank, similar, score, epoch)."
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
        long: "snapshot", kind: .text, valueName: "PLACE",
        sentence: "Directory or store of the snapshots; without it, snapshot.dir, and if there is none in it, snapshot.store."),
      CommandOption(long: "fresh", kind: .flag, sentence: "Let the running engine write a snapshot first."),
      CommandOption(long: "force", kind: .flag, sentence: "Replace FILE if it exists."),
    ],
    examples: [
      Command.Example(line: "freshet export lists --output lists.parquet --fresh", sentence: "Every user's list, as of now."),
      Command.Example(line: "freshet export factors --output factors.npz", sentence: "Vectors of users and items for NumPy."),
      Command.Example(
        line: "freshet export interactions --snapshot s3://shop/snapshots --output s3://shop/exports/interactions.parquet",
        sentence: "Without the engine's own machine."),
      Command.Example(line: "freshet export popular", sentence: "As JSON lines, to read."),
    ])
}
