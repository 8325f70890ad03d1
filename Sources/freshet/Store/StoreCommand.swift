import Foundation
import ObjectStorage
import StreamingRecommender
import Telemetry

/// `freshet store list | get | put | remove | create | clean`.
struct StoreCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private var operand: String { context.parsed.operands[0] }

  /// An address that cannot be used is a wrong command line.
  private func address(_ text: String) throws -> (StoreAddress, ObjectStores) {
    let stores = ObjectStores(try context.loaded().configuration.store)
    do { return (try stores.address(text), stores) } catch {
      throw UsageError("\(TerminalText.escaped(Redaction.text(text))): \(error)", usage: context.parsed.command.usage)
    }
  }

  private func store(_ text: String) throws -> any ObjectStore {
    let (address, stores) = try address(text)
    return stores.open(address)
  }

  private func object(_ text: String) throws -> (store: any ObjectStore, key: ObjectKey) {
    let (address, stores) = try address(text)
    do {
      let (place, key) = try address.splitLast()
      return (stores.open(place), key)
    } catch { throw UsageError("\(error)", usage: context.parsed.command.usage) }
  }

  // MARK: Commands

  /// One line an object; with `--json`, one object whose list is printed as it comes, however long it is.
  func list() throws {
    let store = try store(operand)
    let prefix = context.options.string("prefix") ?? ""
    var (objects, bytes) = (0, 0)
    var isOpen = false
    try store.forEach(prefix) { object in
      let time = Self.time(object.modifiedMilliseconds)
      if context.json {
        let entry: JSONValue = ["name": .string(object.key.text), "bytes": .integer(object.bytes), "modified": .string(time)]
        context.print((isOpen ? "," : "{\"objects\":[") + entry.text)
      } else {
        let size = String(object.bytes)
        let space = String(repeating: " ", count: max(0, 13 - size.count))
        context.print("\(space)\(size)  \(time)  \(TerminalText.escaped(object.key.text))")
      }
      isOpen = true
      objects += 1
      bytes += object.bytes
    }
    if context.json {
      context.print((isOpen ? "" : "{\"objects\":[") + "],\"count\":\(objects),\"bytes\":\(bytes)}")
    } else {
      context.note("\(objects) objects, \(bytes) bytes")
    }
  }

  func get() throws {
    let (store, key) = try object(operand)
    let name = key.text.split(separator: "/").last.map(String.init) ?? key.text
    let path = context.parsed.operands.count > 1 ? context.parsed.operands[1] : name
    var bytes = 0
    if path == "-" {
      try store.read(key, nil) { piece in
        try FileHandle.standardOutput.write(contentsOf: piece)
        bytes += piece.count
      }
    } else {
      let file = try NewFile(path, replaces: context.options.flag("force"))
      try store.read(key, nil) { piece in
        try file.write(piece)
        bytes += piece.count
      }
      try file.finish()
    }
    let json: JSONValue = ["object": .string(key.text), "file": .string(path), "bytes": .integer(bytes)]
    report(json, "\(path): \(bytes) bytes", isOutput: path == "-")
  }

  func put() throws {
    let (path, target) = (operand, context.parsed.operands[1])
    let name = path.split(separator: "/").last.map(String.init) ?? path
    if path == "-", target.hasSuffix("/") {
      throw UsageError("what comes from standard input needs a name: do not end OBJECT with /", usage: context.parsed.command.usage)
    }
    // The name is behind the path, not behind what follows a ?.
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var full = String(parts[0])
    if full.hasSuffix("/") { full += target.hasPrefix("s3://") ? Self.encoded(name) : name }
    if parts.count > 1 { full += "?" + parts[1] }
    let (store, key) = try object(full)
    let condition: PutCondition = context.options.flag("if-absent") ? .ifAbsent : .always
    if path == "-" {
      let upload = try store.upload(key, condition)
      while let piece = try FileHandle.standardInput.read(upToCount: 1 << 18), !piece.isEmpty {
        try piece.withUnsafeBytes { try upload.write($0) }
      }
      try upload.complete()
    } else {
      try store.put(key, .file(path: path), condition)
    }
    let bytes = try store.head(key)?.bytes ?? 0
    report(["object": .string(key.text), "bytes": .integer(bytes)], "\(store.name)/\(key): \(bytes) bytes")
  }

  func remove() throws {
    let isForced = context.options.flag("force")
    guard context.options.flag("recursive") else {
      let (store, key) = try object(operand)
      guard try isForced || store.head(key) != nil else {
        throw CommandFailure("there is no object \(store.name)/\(key); --recursive removes everything below a name")
      }
      try store.remove(key)
      return report(["removed": 1], "removed \(store.name)/\(key)")
    }
    let store = try store(operand)
    if !isForced { try confirm(store) }
    var removed = 0
    try store.forEach("") { object in
      try store.remove(object.key)
      removed += 1
    }
    report(["removed": .integer(removed)], "removed \(removed) objects below \(store.name)")
  }

  private func confirm(_ store: any ObjectStore) throws {
    guard isatty(STDIN_FILENO) == 1 else {
      throw UsageError("--recursive needs --force where nobody can be asked", usage: context.parsed.command.usage)
    }
    var objects = 0
    try store.forEach("") { _ in objects += 1 }
    Terminal.note("remove \(objects) objects below \(store.name)? Type yes:")
    guard readLine() == "yes" else { throw CommandFailure("nothing was removed") }
  }

  func create() throws {
    let store = try store(operand)
    let isNew = try store.create()
    report(["store": .string(store.name), "created": .bool(isNew)], "\(store.name): \(isNew ? "created" : "exists")")
  }

  func clean() throws {
    let text = context.options.string("older-than") ?? "24h"
    guard let age = ConfigurationDuration.parse(text), age >= .zero else {
      throw UsageError("--older-than must be a duration such as 90m, 24h or 7d, not \(text)", usage: context.parsed.command.usage)
    }
    let store = try store(operand)
    let removed = try store.removeUnfinishedUploads(olderThan: age)
    report(["store": .string(store.name), "removed": .integer(removed)], "removed \(removed) unfinished uploads from \(store.name)")
  }

  // MARK: Output

  /// - Parameter isOutput: standard output has the content of an object.
  private func report(_ json: JSONValue, _ text: String, isOutput: Bool = false) {
    if isOutput { return context.note(text) }
    context.print(context.json ? json.text : TerminalText.escaped(text))
  }

  private static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
  }

  /// The name of a file as it stands in an s3:// address.
  private static func encoded(_ name: String) -> String {
    name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.intersection(CharacterSet(charactersIn: "\u{0}"..."\u{7F}"))) ?? name
  }
}
