/// Stores models as files `epoch-<number>.frm` and keeps the `keep` that were written last.
public struct EpochDirectory: EpochStorage {
  private let files: DurableDirectory
  private let keep: Int

  public init(path: String, keep: Int, synchronizes: Bool = true) {
    files = DurableDirectory(path, synchronizes: synchronizes)
    self.keep = keep
  }

  public var path: String { files.path }

  public func write(_ model: StoredModel) throws {
    guard keep > 0 else { return }
    try files.prepare()
    files.removeUnfinished()
    let name = Self.fileName(model.epoch)
    try files.write(name) { try StoredModelCodec.write(model, to: $0) }
    // By time and not by number: files of an earlier life of the engine may have higher numbers.
    let others = epochs().map(Self.fileName).filter { $0 != name }.sorted { files.modified($0) < files.modified($1) }
    for old in others.dropLast(keep - 1) { files.remove(old) }
  }

  public func read(_ epoch: UInt32) throws -> StoredModel {
    let name = Self.fileName(epoch)
    let model = try files.read(name) { try StoredModelCodec.read($0, path: "\(path)/\(name)") }
    guard model.epoch == epoch else { throw SnapshotError(.malformed("the file is that of epoch \(model.epoch)"), path: "\(path)/\(name)") }
    return model
  }

  public func epochs() -> [UInt32] {
    files.entries().compactMap { name in
      UInt32(name.dropFirst(6).dropLast(4)).flatMap { Self.fileName($0) == name ? $0 : nil }
    }.sorted()
  }

  private static func fileName(_ epoch: UInt32) -> String {
    let digits = String(epoch)
    return "epoch-\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits).frm"
  }
}
