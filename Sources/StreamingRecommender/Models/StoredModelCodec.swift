import Factorization

/// Encodes and decodes stored models in the framing of snapshots (schemas/snapshot-format.md): a section `storedModel`, then sections
/// `storedItems`.
enum StoredModelCodec {
  private static let itemsPerSection = 16_384

  static func write(_ model: StoredModel, to sink: SnapshotSink) throws {
    try SnapshotFraming.header(version: SnapshotCodec.version).withUnsafeBytes(sink)
    try SnapshotFraming.write(.storedModel, to: sink) {
      $0.write(model.epoch)
      $0.write(count: model.trainedPairs)
      $0.write(model.trainedAtMilliseconds)
      $0.write(UInt32(model.factors.factors))
      $0.write(count: model.items.count)
    }
    if let promotion = model.promotion {
      try SnapshotFraming.write(.promotion, isOptional: true, to: sink) { promotion.write(to: &$0) }
    }
    for first in stride(from: 0, to: model.items.count, by: itemsPerSection) {
      try SnapshotFraming.write(.storedItems, to: sink) { writer in
        let rows = first..<min(first + itemsPerSection, model.items.count)
        writer.write(count: rows.count)
        for row in rows {
          writer.write(name: model.items[row].bytes)
          writer.write(floats: model.factors[row])
        }
      }
    }
    try SnapshotFraming.write(.end, to: sink) { _ in }
  }

  static func read(_ bytes: UnsafeRawBufferPointer, path: String) throws -> StoredModel {
    func malformed(_ why: String) -> SnapshotError { SnapshotError(.malformed(why), path: path) }
    var reader = ByteReader(bytes, path: path)
    let version = try SnapshotFraming.readHeader(&reader, bytes, path: path)
    guard version == SnapshotCodec.version else {
      throw SnapshotError(.unknownVersion(got: version, known: SnapshotCodec.version...SnapshotCodec.version), path: path)
    }
    var model: StoredModel?
    var announced = 0
    while true {
      let section = try SnapshotFraming.readSection(&reader, path: path)
      var content = ByteReader(section.payload, path: path)
      switch SnapshotFraming.Kind(rawValue: section.kind) {
      case .storedModel where section.version == 1 && model == nil:
        let epoch: UInt32 = try content.read()
        let (pairs, trainedAt) = (try content.readCounter(), try content.readBounded())
        let factors = Int(try content.read(UInt32.self))
        guard 1...65_536 ~= factors, epoch <= ModelLifecycle.epochMax else { throw malformed("epoch \(epoch) of \(factors) factors") }
        model = StoredModel(epoch: epoch, trainedPairs: pairs, trainedAtMilliseconds: trainedAt, factors: factors)
        announced = try content.readCounter()
      case .storedItems where section.version == 1 && model != nil:
        let factors = model!.factors.factors
        for _ in 0..<(try content.readCount(each: 2 + factors * 4)) {
          let name = try content.readName()
          guard !name.isEmpty else { throw malformed("an item without an id") }
          model!.append(Identifier(name), try content.readFiniteFloats(factors))
        }
      case .promotion where section.version == 1: model?.promotion = try Promotion(reading: &content)
      case .end:
        guard let model, model.items.count == announced else { throw malformed("items are missing") }
        return model
      default:
        guard section.isOptional else {
          throw SnapshotError(.unknownSection(name: SnapshotFraming.name(section.kind), version: section.version), path: path)
        }
      }
    }
  }
}
