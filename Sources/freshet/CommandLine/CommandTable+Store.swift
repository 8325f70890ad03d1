/// The commands on object stores.
extension CommandTable {
  private static let store = Command.Operand(
    name: "STORE", sentence: "/DIRECTORY, ./DIRECTORY, file:///DIRECTORY or s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path.")

  static let storeList = Command(
    id: .storeList, path: ["store", "list"], summary: "List what is in an object store: a directory, or a bucket of an S3 server.",
    operands: [
      store, Command.Operand(name: "PREFIX", sentence: "Only objects whose name begins with this.", isRequired: false),
    ],
    examples: [
      Command.Example(line: "freshet store list s3://shop-archive interactions/", sentence: "Size, time and name of each object."),
      Command.Example(
        line: "freshet store list 's3://test?endpoint=http://127.0.0.1:9000' --json", sentence: "Of a server that is not AWS."),
    ])

  static let storeGet = Command(
    id: .storeGet, path: ["store", "get"], summary: "Copy an object to a file.",
    operands: [
      store, Command.Operand(name: "NAME", sentence: "Name of the object, as store list prints it."),
      Command.Operand(
        name: "FILE", sentence: "File to write; - is standard output. Without it, the last part of NAME, here.", isRequired: false),
    ],
    options: [CommandOption(long: "force", kind: .flag, sentence: "Replace the file if it exists.")],
    examples: [
      Command.Example(line: "freshet store get s3://shop-archive models/12/manifest.json -", sentence: "Print it."),
      Command.Example(line: "freshet store get /srv/archive day/a.parquet", sentence: "Into a.parquet, here."),
    ])

  static let storePut = Command(
    id: .storePut, path: ["store", "put"], summary: "Copy a file into an object store.",
    operands: [
      store, Command.Operand(name: "FILE", sentence: "File to read; - is standard input."),
      Command.Operand(
        name: "NAME",
        sentence: "Name of the object; with / at its end, the name of the file comes behind it. Without it, that of the file.",
        isRequired: false),
    ],
    options: [
      CommandOption(long: "if-absent", kind: .flag, sentence: "Fail if there is such an object, in place of replacing it.")
    ],
    examples: [
      Command.Example(line: "freshet store put s3://shop-archive items.jsonl input/", sentence: "As input/items.jsonl."),
      Command.Example(line: "freshet store put /srv/archive - log.gz --if-absent", sentence: "What a program before it in a pipe writes."),
    ])

  static let storeRemove = Command(
    id: .storeRemove, path: ["store", "remove"], summary: "Remove an object, or everything below a name.",
    operands: [
      store,
      Command.Operand(
        name: "NAME", sentence: "Name of the object. With --recursive, that of a folder; without it, everything.", isRequired: false),
    ],
    options: [
      CommandOption(
        long: "recursive", short: "r", kind: .flag, sentence: "Remove all objects below NAME; asks first, if there is a terminal."),
      CommandOption(long: "force", kind: .flag, sentence: "Do not ask, and take an object that is not there for removed."),
    ],
    examples: [
      Command.Example(line: "freshet store remove s3://shop-archive old.parquet", sentence: "One object."),
      Command.Example(
        line: "freshet store remove /srv/archive date=2025-01-01 --recursive --force", sentence: "All of one day, without a question."),
    ])

  static let storeCreate = Command(
    id: .storeCreate, path: ["store", "create"], summary: "Create the directory or the bucket of a store, if it does not exist.",
    operands: [store],
    examples: [Command.Example(line: "freshet store create 's3://shop-archive?region=eu-west-1'", sentence: "A bucket in a region.")])

  static let storeClean = Command(
    id: .storeClean, path: ["store", "clean"], summary: "Remove what uploads have left that never ended.",
    operands: [store],
    options: [
      CommandOption(
        long: "older-than", kind: .text, valueName: "DURATION", defaultValue: "24h",
        sentence: "Leave alone what began later: it may still be going on.")
    ],
    examples: [Command.Example(line: "freshet store clean s3://shop-archive --older-than 7d", sentence: "From time to time.")])
}
