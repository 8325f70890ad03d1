/// Stores models as files `epoch-<number>.frm` and keeps the `keep` that were written last, besides those that were marked to be kept.
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
    let marked = markedEpochs()
    let others = epochs().filter { !marked.contains($0) }.map(Self.fileName).filter { $0 != name }
    for old in others.sorted(by: { files.modified($0) < files.modified($1) }).dropLast(keep - 1) { files.remove(old) }
  }

  /// Marks an epoch, so that newer ones do not replace it, or takes the mark away.
  public func mark(_ epoch: UInt32, _ isKept: Bool) throws {
    let name = Self.markName(epoch)
    if isKept {
      // A file of no bytes could not be told from one that was cut off.
      try files.write(name) { sink in try Array("kept\n".utf8).withUnsafeBytes { try sink($0) } }
    } else {
      files.remove(name)
      try files.synchronize()
    }
  }

  /// The epochs that are marked, ascending.
  public func markedEpochs() -> [UInt32] {
    let marks = Set(files.entries().filter { $0.hasSuffix(".kept") })
    return epochs().filter { marks.contains(Self.markName($0)) }
  }

  /// Removes an epoch and its mark.
  public func remove(_ epoch: UInt32) throws {
    files.remove(Self.markName(epoch))
    files.remove(Self.fileName(epoch))
    try files.synchronize()
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

  private static func fileName(_ epoch: UInt32) -> String { "\(stem(epoch)).frm" }
  private static func markName(_ epoch: UInt32) -> String { "\(stem(epoch)).kept" }

  private static func stem(_ epoch: UInt32) -> String {
    let digits = String(epoch)
    return "epoch-\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits)"
  }

  /// Whether a file of this name belongs to the directory.
  public static func isName(_ name: String) -> Bool {
    guard let epoch = UInt32(name.dropFirst(6).prefix(10)) else { return false }
    return name == fileName(epoch) || name == markName(epoch)
  }
}
