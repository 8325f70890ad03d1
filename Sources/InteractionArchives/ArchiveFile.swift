import ParquetFiles
import Pipeline
import StreamingRecommender

/// Writes the rows of a segment as Parquet.
struct ArchiveFile {
  private let writer: ParquetWriter
  private let user, item, type, operation, topic, mergedInto: ParquetBytesColumn
  private let strength: ParquetNumberColumn<Float>
  private let time, offset: ParquetNumberColumn<Int64>
  private let partition: ParquetNumberColumn<Int32>

  private init(to sink: any ParquetSink, createdBy: String) {
    writer = ParquetWriter(to: sink, createdBy: createdBy)
    user = writer.text("user")
    item = writer.text("item", isOptional: true)
    type = writer.text("type", isOptional: true)
    operation = writer.text("operation")
    strength = writer.float("strength", .dictionary)
    time = writer.time("time", .milliseconds)
    topic = writer.text("topic")
    partition = writer.int32("partition", .dictionary)
    offset = writer.int64("offset")
    mergedInto = writer.text("merged_into", isOptional: true)
  }

  struct Written: Sendable {
    var bytes: Int
    /// Rows of ids that are no text, which a column of text cannot hold.
    var leftOut: Int
  }

  static func write(_ segment: ArchiveSegment, to path: String, createdBy: String) throws -> Written {
    let sink = try ParquetFileSink(path: path)
    let file = ArchiveFile(to: sink, createdBy: createdBy)
    var leftOut = 0
    for row in segment.rows {
      guard isText(row.user), row.item.map(isText) != false, row.mergedInto.map(isText) != false else {
        leftOut += 1
        continue
      }
      try file.append(row, segment.source)
    }
    let summary = try file.writer.finish()
    try sink.close()
    return Written(bytes: summary.bytes, leftOut: leftOut)
  }

  private static func isText(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

  private func append(_ row: ArchivedInteraction, _ source: TopicPartition) throws {
    try user.append(row.user)
    try item.append(row.item)
    // What is no text in it is replaced.
    try type.append(row.type.map { String(decoding: $0, as: UTF8.self) })
    try operation.append(row.operation.rawValue)
    strength.append(row.strength)
    time.append(row.timeMilliseconds)
    try topic.append(source.topic)
    partition.append(source.partition)
    offset.append(row.offset)
    try mergedInto.append(row.mergedInto)
    try writer.endRow()
  }
}
