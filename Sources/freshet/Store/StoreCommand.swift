import Foundation
import ObjectStorage
import StreamingRecommender
import Telemetry

/// `freshet store list | get | put | remove | create | clean`.
struct StoreCommand {
  let context: CommandContext

  init(_ context: CommandContext) { self.context = context }

  private var operands: [String] { context.parsed.operands }

  /// An operand that cannot be used is a wrong command line.
  private func usage(_ message: String) -> UsageError { UsageError(message, usage: context.parsed.command.usage) }

  private func store() throws -> any ObjectStore {
    let stores = ObjectStores(try context.loaded().configuration.store)
    do { return stores.open(try stores.address(operands[0])) } catch { throw usage("\(error)") }
  }

  private func key(_ name: String) throws -> ObjectKey {
    do { return try ObjectKey(name) } catch { throw usage("\(error)") }
  }

  // MARK: Commands

  /// One line an object; with `--json`, one object whose list is printed as it comes, however long it is.
  func list() throws {
    let store = try store()
    let prefix = operands.count > 1 ? operands[1] : ""
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
    let (store, key) = (try store(), try key(operands[1]))
    let path = operands.count > 2 ? operands[2] : Self.lastPart(key.text)
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
    let path = operands[1]
    var name = operands.count > 2 ? operands[2] : ""
    if name.isEmpty || name.hasSuffix("/") {
      if path == "-" { throw usage("what comes from standard input needs a NAME, without / at its end") }
      name += Self.lastPart(path)
    }
    let (store, key) = (try store(), try key(name))
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
    let name = operands.count > 1 ? operands[1] : ""
    guard context.options.flag("recursive") else {
      if name.isEmpty { throw usage("name the object; --recursive removes all") }
      let (store, key) = (try store(), try key(name))
      guard try isForced || store.head(key) != nil else {
        throw CommandFailure("there is no object \(store.name)/\(key); --recursive removes everything below a name")
      }
      try store.remove(key)
      return report(["removed": 1], "removed \(store.name)/\(key)")
    }
    let store = try store()
    let folder = name.isEmpty || name.hasSuffix("/") ? name : name + "/"
    if !isForced { try confirm(store, folder) }
    var removed = 0
    try store.forEach(folder) { object in
      try store.remove(object.key)
      removed += 1
    }
    report(["removed": .integer(removed)], "removed \(removed) objects below \(store.name)/\(folder)")
  }

  private func confirm(_ store: any ObjectStore, _ folder: String) throws {
    guard isatty(STDIN_FILENO) == 1 else { throw usage("--recursive needs --force where nobody can be asked") }
    var objects = 0
    try store.forEach(folder) { _ in objects += 1 }
    Terminal.note("remove \(objects) objects below \(store.name)/\(folder)? Type yes:")
    guard readLine() == "yes" else { throw CommandFailure("nothing was removed") }
  }

  func create() throws {
    let store = try store()
    let isNew = try store.create()
    report(["store": .string(store.name), "created": .bool(isNew)], "\(store.name): \(isNew ? "created" : "exists")")
  }

  func clean() throws {
    let text = context.options.string("older-than") ?? "24h"
    guard let age = ConfigurationDuration.parse(text), age >= .zero else {
      throw usage("--older-than must be a duration such as 90m, 24h or 7d, not \(text)")
    }
    let store = try store()
    let removed = try store.removeUnfinishedUploads(olderThan: age)
    report(["store": .string(store.name), "removed": .integer(removed)], "removed \(removed) unfinished uploads from \(store.name)")
  }

  // MARK: Output

  /// - Parameter isOutput: standard output has the content of an object.
  private func report(_ json: JSONValue, _ text: String, isOutput: Bool = false) {
    if isOutput { return context.note(text) }
    context.report(json, text: TerminalText.escaped(text))
  }

  private static func time(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
  }

  private static func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
